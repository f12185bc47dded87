#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "mpi_runtime/backoff.h"
#include "mpi_runtime/collectives.h"
#include "mpi_runtime/serve_clock.h"
#include "mpi_runtime/serve_rank.h"
#include "mpi_runtime/watchdog.h"
#include "schedule/timeline.h"

namespace widepipe::mpi_runtime {

/// Slots and payloads are the same on all ranks.
struct ServeSettings {
  std::size_t slot_bytes = 0;
  std::size_t most_payload = 0;  ///< bytes of results that a rank has gathered in a round
  /// Rounds leave at least this often; sooner when there are orders. Real time.
  std::chrono::microseconds round_period{1000};
  std::chrono::microseconds longest_pause = kLongestPause;
  bool crowded = false;                   ///< rank 0: many ranks share its cores
  schedule::Seconds status_period = 0.1;  ///< of devices, on the clock of the replay
  Watchdog* watchdog = nullptr;           ///< may be null, as may be:
  schedule::Timeline* timeline = nullptr;
};

/// A rank's side of the rounds of a replay, other than rank 0's.
class ServeFollower {
 public:
  /// `executor` is null on a rank that gets no orders. All must outlive the follower.
  ServeFollower(Collectives& collectives, schedule::OrderExecutor* executor, ServeClock& clock,
                const ServeSettings& settings, std::function<bool()> stop_requested);

  /// [collective, ranks other than 0] Takes part in rounds until rank 0 announces the last one.
  void run(Wakeup& wakeup);
  /// run() in pieces: a turn of its loop, true if anything moved; until all rounds are over.
  bool turn();
  bool finished() const { return slots_.empty() && sends_.empty(); }

 private:
  void look_after(Watchdog& watchdog);
  void expect_slot();
  void answer(SlotReader slot);

  Collectives& collectives_;
  std::optional<ServeRank> devices_;
  ServeClock& clock_;
  const ServeSettings settings_;
  const std::function<bool()> stop_requested_;
  std::chrono::steady_clock::time_point told_{};  ///< when rank 0 was, that this rank lives
  std::deque<std::unique_ptr<Scatter>> slots_;    ///< expected, by round
  std::vector<std::unique_ptr<Gather>> sends_;
};

}  // namespace widepipe::mpi_runtime
