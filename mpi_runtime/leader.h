#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/surroundings.h"
#include "mpi_runtime/collectives.h"
#include "mpi_runtime/follower.h"
#include "mpi_runtime/result_sink.h"
#include "mpi_runtime/row_reader.h"
#include "mpi_runtime/rows_done.h"
#include "mpi_runtime/wakeup.h"
#include "mpi_runtime/watchdog.h"
#include "mpi_runtime/worker.h"
#include "schedule/run_stats.h"
#include "schedule/scheduler.h"

namespace widepipe::mpi_runtime {

struct LeaderSettings {
  /// A round leaves at least this often; sooner when there is something to say.
  std::chrono::microseconds round_period{2000};
  std::chrono::microseconds longest_pause = kLongestPause;
  /// One a stream: rank 0 reads the rows and scatters them. Empty when ranks read their own.
  std::vector<StreamSource> scatter_sources;
  /// By stream: bytes of each output column in a row; none where the ranks write the rows.
  std::vector<std::vector<std::size_t>> column_bytes;
  Watchdog* watchdog = nullptr;  ///< may be null
  Surroundings surroundings;
};

struct LeaderHooks {
  /// Asked often: true ends the run early, what is out still comes back.
  std::function<bool()> stop_requested;
  /// Called once a turn of the loop, for progress.
  std::function<void(schedule::Seconds now)> tick;
  /// A device gets no more work; the last error it gave. May be null.
  std::function<void(schedule::DeviceId device, const std::string& error)> quarantined;
  /// Devices were found wrong by a recheck and get no more work; the sink has been told to take
  /// back their rows. The run fails after it if the verdict is undecided. May be null.
  std::function<void(const schedule::Rechecks::Verdict& verdict)> judged;
};

/// What a run of rounds came to.
struct LeaderResult {
  bool stopped = false;  ///< ended early by a signal, here or on another rank
  std::uint32_t rounds = 0;
  double mean_round_seconds = 0;  ///< from the scatter of slots to the last rank's answer
};

/// Rank 0's side of the rounds: asks the scheduler, sends its dispatches, hands results to the
/// sink. Owns the queues' way over MPI, none of the decisions.
class Leader {
 public:
  /// `own` is rank 0's worker, or null with a dedicated scheduler; `device_ranks` maps DeviceId
  /// to rank. All must outlive the leader.
  Leader(Collectives& collectives, schedule::Scheduler& scheduler, std::vector<int> device_ranks,
         Worker* own, Wakeup& wakeup, ResultSink& sink, schedule::RunStats& stats,
         LeaderSettings settings, LeaderHooks hooks);
  ~Leader();

  /// [collective, rank 0] Runs until the scheduler is drained and every result is with the
  /// sink. When the sink fails, what is out is waited for, all ranks are released, and then the
  /// sink's error is thrown.
  LeaderResult run();

  /// run() in pieces: a turn of its loop, true if anything moved; until all ranks are released;
  /// then what came of it, or the sink's error.
  bool turn();
  bool finished() const;
  LeaderResult result() const;

 private:
  struct Outgoing {
    DispatchWire dispatch;
    std::vector<AlignedBuffer> rows;  ///< scattered; empty when the rank reads its own
  };
  struct Round {
    std::uint32_t number = 0;
    TimePoint posted;
    std::unique_ptr<Gather> slots;
  };
  struct Announced {
    schedule::Outcome outcome;
    ResultWire result;
  };
  /// Results of a round whose payload is still with the ranks, or on its way.
  struct Results {
    std::uint32_t round = 0;
    std::vector<std::vector<Announced>> by_rank;
    std::vector<std::size_t> sizes;
    std::unique_ptr<Gather> payload;
    std::vector<schedule::Outcome> then;  ///< of rows that rank 0 could not read, meanwhile
  };

  void look_after(Watchdog& watchdog);
  void look_for_overdue(Watchdog& watchdog, schedule::Seconds at, schedule::Seconds limit);
  void dispatch();
  void fail();
  void send(const schedule::Dispatch& dispatch);
  bool collect_slots();
  bool collect_payloads();
  void take_slots(const Round& round);
  void take_payload(Results& results);
  void tell_quarantined();
  void take_back(schedule::Outcome& outcome);
  void take_back_all(Results& results);
  void take_rows(int rank, const schedule::Dispatch& dispatch, std::span<const std::byte> bytes,
                 std::vector<RowFailure> failures, const std::shared_ptr<const Blocks>& owner);
  std::string name_of(int rank) const;
  bool nothing_left() const;
  bool may_post() const;
  void post_round();
  std::vector<std::vector<Outgoing>> take_outbox();
  void send_slots(DownSlot common, const std::vector<std::vector<Outgoing>>& leaving);
  void send_rows(const std::vector<std::vector<Outgoing>>& leaving);
  void gather_payload(Results& results);
  TimePoint clock() const { return settings_.surroundings.now(); }
  schedule::Seconds now() const;

  Collectives& collectives_;
  schedule::Scheduler& scheduler_;
  const std::vector<int> device_ranks_;
  Worker* const own_;
  Wakeup& wakeup_;
  ResultSink& sink_;
  schedule::RunStats& stats_;
  const LeaderSettings settings_;
  const LeaderHooks hooks_;
  const TimePoint start_;

  Mailbox<RowsRead> rows_read_;
  std::map<schedule::BatchId, int> rank_of_reading_;  ///< batches whose rows are being read
  std::vector<std::deque<Outgoing>> outbox_;          ///< by rank
  std::map<schedule::BatchId, schedule::Seconds> sent_at_;
  std::vector<std::string> last_errors_;        ///< by device
  std::vector<schedule::DeviceId> to_be_told_;  ///< quarantined, with an error still on its way
  std::vector<std::unique_ptr<Scatter>> sends_;
  std::deque<Round> rounds_;     ///< under way, oldest first
  std::deque<Results> results_;  ///< announced, oldest first
  bool credit_changed_ = true;   ///< the scheduler may have something to dispatch
  std::uint32_t next_round_ = 1;
  std::uint32_t last_round_ = 0;
  TimePoint last_post_{};
  schedule::Seconds last_look_ = 0;   ///< at the clock
  schedule::Seconds next_check_ = 0;  ///< of batches that may be overdue
  schedule::Seconds had_room_ = 0;    ///< when the sink last was seen to have
  bool asks_ = false;                 ///< who is alive
  double round_seconds_ = 0;          ///< of all rounds
  double usual_round_seconds_ = 0;    ///< of the longest of late
  LeaderResult outcome_;
  std::exception_ptr failure_;
  std::optional<RowReader> reader_;  // last: stopped before what it fills goes
};

}  // namespace widepipe::mpi_runtime
