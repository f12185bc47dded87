#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "core/surroundings.h"
#include "mpi_runtime/backoff.h"
#include "mpi_runtime/collectives.h"
#include "mpi_runtime/watchdog.h"
#include "mpi_runtime/wire.h"
#include "mpi_runtime/worker.h"

namespace widepipe::mpi_runtime {

/// Down slots that every rank has posted a receive for, and so rounds that may be under way.
inline constexpr std::uint32_t kRoundsInFlight = 2;

struct FollowerSettings {
  std::chrono::microseconds longest_pause = kLongestPause;
  /// Asked once a round; its answer is carried to rank 0.
  std::function<bool()> stop_requested;
  Watchdog* watchdog = nullptr;  ///< may be null
  Surroundings surroundings;
};

/// A rank's side of the rounds, other than rank 0's.
class Follower {
 public:
  /// `worker` is null on a rank that gets no dispatches. All must outlive the follower.
  Follower(Collectives& collectives, Worker* worker, FollowerSettings settings);

  /// [collective, ranks other than 0] Takes part in rounds until rank 0 announces the last one.
  /// `wakeup` is the worker's.
  void run(Wakeup& wakeup);

  /// run() in pieces: a turn of its loop, true if anything moved; until all rounds are over.
  bool turn();
  bool finished() const;

 private:
  struct ComingRows {
    std::unique_ptr<Scatter> scatter;
    std::vector<DispatchWire> dispatches;
  };

  void look_after(Watchdog& watchdog);
  void expect_slot();
  void answer(const DownSlot& slot);
  void accept_rows(const ComingRows& coming);

  Collectives& collectives_;
  Worker* const worker_;
  const FollowerSettings settings_;
  TimePoint told_{};                            ///< when rank 0 was, that this rank lives
  std::deque<std::unique_ptr<Scatter>> slots_;  ///< expected, by round
  std::deque<ComingRows> rows_;                 ///< scattered, by round
  std::vector<std::unique_ptr<Gather>> sends_;
};

}  // namespace widepipe::mpi_runtime
