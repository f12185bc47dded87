#pragma once
// MPI waits for ever for a rank that was stopped or whose network is gone. Somebody has to look at
// the clock.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/surroundings.h"

namespace widepipe::mpi_runtime {

inline constexpr std::string_view kGoOn =
    "what is recorded stays: run the same command again to go on";

struct WatchdogSettings {
  /// Without a round for so long, the job ends. Zero: never.
  std::chrono::milliseconds limit{60'000};
  int rank = 0;                    ///< this one
  std::vector<std::string> names;  ///< of all ranks, "2@node3"
  /// What to do once the job has ended.
  std::string_view advice = kGoOn;
  Surroundings surroundings;
};

/// Ends the process, exit code 3, when rounds stop. Time during which this process did not run
/// itself (a suspended job) does not count. Rank 0 is the first to act and says who is silent; the
/// others act later, should it be rank 0.
class Watchdog {
 public:
  /// `end` is called once, with what to say, on a strand of the watchdog's own; the default says
  /// it and leaves with _exit(3), because MPI_Finalize would wait for the silent rank.
  explicit Watchdog(WatchdogSettings settings,
                    std::function<void(const std::string&)> end = end_process);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// A round has come to its end on this rank.
  void round_done() { rounds_.fetch_add(1, std::memory_order_relaxed); }
  /// The MPI thread is not stuck itself.
  void turn() { turns_.fetch_add(1, std::memory_order_relaxed); }
  /// Half of the time has passed without a round: time to find out who is alive.
  bool uneasy() const { return uneasy_.load(std::memory_order_relaxed); }
  /// Rank 0: these have said that they live.
  void alive(const std::vector<int>& ranks);

  std::chrono::milliseconds limit() const { return settings_.limit; }
  const std::string& name(int rank) const;
  /// Ends the process for a reason that somebody else has found.
  void give_up(const std::string& reason);

 private:
  static void end_process(const std::string& text);
  void look();
  void look_again();
  std::string reason(bool thread_is_stuck);

  const WatchdogSettings settings_;
  const std::function<void(const std::string&)> end_;
  std::atomic<std::uint64_t> rounds_ = 0;
  std::atomic<std::uint64_t> turns_ = 0;
  std::atomic<bool> uneasy_ = false;
  std::mutex mutex_;
  std::vector<bool> alive_;  ///< since the last round

  // The strand's own.
  const std::chrono::milliseconds patience_;  ///< of this rank
  const std::chrono::milliseconds tick_;
  std::uint64_t rounds_seen_ = 0;
  std::uint64_t turns_seen_ = 0;
  std::chrono::milliseconds without_round_{0};
  std::chrono::milliseconds without_turn_{0};
  TimePoint last_look_;
  std::unique_ptr<Strand> strand_;  // last: its tasks use the others; null if nothing is watched
};

}  // namespace widepipe::mpi_runtime
