#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "mpi_runtime/collectives.h"
#include "mpi_runtime/cpu_sections.h"
#include "mpi_runtime/serve_clock.h"
#include "mpi_runtime/serve_follower.h"
#include "mpi_runtime/serve_outbox.h"
#include "mpi_runtime/serve_rank.h"
#include "mpi_runtime/serve_wire.h"
#include "mpi_runtime/wakeup.h"
#include "schedule/request_dispatcher.h"

namespace widepipe::mpi_runtime {

/// What a batch came to that is stored.
struct BatchResults {
  int rank = 0;
  std::vector<schedule::RequestId> requests;
  std::span<const std::byte> bytes;   ///< as the device gave them
  std::shared_ptr<const void> owner;  ///< of the bytes
};

/// What rank 0 hears of a batch. Valid during the call.
struct BatchNews {
  bool failed = false;
  schedule::DeviceId device = 0;
  schedule::InstanceId instance = 0;
  schedule::BatchId batch = 0;
  std::span<const std::uint64_t> answers;  ///< one a request
};

struct ServeHooks {
  /// Gives the dispatcher what has arrived by now. True if it may have something to dispatch.
  std::function<bool(schedule::Seconds now)> arrive;
  /// All that can be done is, or nothing more will be waited for.
  std::function<bool(schedule::Seconds now)> over;
  /// Asked often: true ends the run early.
  std::function<bool()> stop_requested;
  /// A batch is done, or has failed, and the dispatcher does not know yet. No `requests`: they are
  /// elsewhere by now. False if they have no answers: it failed, or its device computes wrong.
  std::function<bool(const BatchNews& news, std::span<const schedule::Request> requests)> done;
  /// May be null: which row a request is for. Without it rows are the requests' ids.
  std::function<std::uint64_t(schedule::RequestId)> row_of;
  /// May be null: no order leaves while it says no.
  std::function<bool()> has_room;
  /// May be null where devices give no results. Some rounds after done().
  std::function<void(BatchResults results)> results;
  /// May be null: what a device reports of itself.
  std::function<void(const schedule::DeviceStatus& status)> status;
};

/// What a run of rounds came to.
struct ServeResult {
  bool stopped = false;  ///< early by a signal, here or on another rank
  std::uint32_t rounds = 0;
  double mean_round_seconds = 0;  ///< real: from the scatter to the last rank's answer
  double longest_round_seconds = 0;
  double cpu_seconds = 0;  ///< of this thread, once the clock ran; and by section:
  std::array<double, kSections> cpu_by_section{};
  schedule::Seconds ended = 0;
  std::chrono::steady_clock::time_point started;  ///< when the clock began to run
};

/// Rank 0's side of the rounds of a replay: gives the dispatcher what arrives and what devices say,
/// and carries its orders to their ranks. Owns none of the decisions.
class ServeLeader {
 public:
  /// `rank_of_device` maps DeviceId to rank; `own` has rank 0's devices, or is null. All must
  /// outlive the leader.
  ServeLeader(Collectives& collectives, schedule::RequestDispatcher& dispatcher,
              std::vector<int> rank_of_device, schedule::OrderExecutor* own, ServeClock& clock,
              const ServeSettings& settings, ServeHooks hooks);

  /// [collective, rank 0] Equips the devices with what the dispatcher says that they have, starts
  /// the clock, and serves until it is over and all ranks are released.
  ServeResult run(Wakeup& wakeup);

 private:
  struct Round {
    std::uint32_t number;
    schedule::Seconds from;
    std::chrono::steady_clock::time_point posted;
    std::unique_ptr<Gather> slots;
  };

  /// Results of a round whose payload is still with the ranks, or on its way.
  struct Results {
    std::uint32_t round = 0;
    std::vector<BatchResults> batches;  ///< by rank, and in the order of its slot
    std::vector<std::size_t> bytes;     ///< of each of them
    std::vector<std::size_t> sizes;     ///< by rank
    std::unique_ptr<Gather> payload;
  };

  bool turn();
  void serve();
  void look_for_delays();
  bool round_stands_still() const;
  void look_after(Watchdog& watchdog);
  void look_for_silence(Watchdog& watchdog);
  void equip();
  void queue_orders();
  bool collect();
  bool tell(const NewsWire& wire, std::span<const std::uint64_t> answers, schedule::Seconds now);
  BatchResults expected_results(int rank, const NewsWire& news) const;
  bool collect_results();
  Results* to_gather();
  bool may_post();
  void post_round();
  void fill_slots(Blocks& slots, const ServeHeader& header);
  void finish_sends();

  Collectives& collectives_;
  schedule::RequestDispatcher& dispatcher_;
  const std::vector<int> rank_of_device_;
  std::optional<ServeRank> own_;
  ServeClock& clock_;
  const ServeSettings settings_;
  const ServeHooks hooks_;
  std::vector<schedule::Order> orders_;
  std::vector<ServeOutbox> outbox_;  ///< by rank
  std::size_t queued_ = 0;           ///< in all of them
  std::vector<std::unique_ptr<Scatter>> sends_;
  std::deque<Round> rounds_;     ///< under way, oldest first
  std::deque<Results> results_;  ///< announced, oldest first
  bool held_back_ = false;       ///< results find no room: no order leaves
  bool ending_ = false;          ///< nothing more is handed in or dispatched
  std::uint32_t next_round_ = 1;
  std::uint32_t last_round_ = 0;
  std::chrono::steady_clock::time_point last_post_{};
  std::chrono::steady_clock::time_point last_answer_{};  ///< or when none was waited for
  std::chrono::steady_clock::time_point had_room_{};     ///< when results last found some
  std::chrono::steady_clock::time_point last_look_{};    ///< at the clock, for these
  schedule::Seconds last_turn_ = 0;
  bool asks_ = false;  ///< who is alive
  CpuSections sections_;
  ServeResult result_;
};

}  // namespace widepipe::mpi_runtime
