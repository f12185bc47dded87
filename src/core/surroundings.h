#pragma once
// The clock and the threads that a component works with go through here, so that whole jobs can
// run in one thread and by a clock of their own (tests/simulation).

#include <chrono>
#include <functional>
#include <memory>

namespace widepipe {

using TimePoint = std::chrono::steady_clock::time_point;

/// Runs tasks one after another, beside its owner.
class Strand {
 public:
  using Task = std::function<void()>;

  /// Waits for the task that runs; those that have not begun are dropped.
  virtual ~Strand() = default;
  Strand() = default;
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  /// Behind the tasks that were posted before, from any thread.
  virtual void post(Task task) = 0;
  /// Not before `time`; behind those that are due by then.
  virtual void post_at(TimePoint time, Task task) = 0;
  /// Returns when all tasks have run, and those that they post meanwhile; no time is waited for.
  /// By the owner, once; then nothing may be posted any more.
  virtual void finish() = 0;
};

/// A strand with a thread of its own, to which no signals are delivered: their handlers belong to
/// the main thread. Tasks must not throw.
std::unique_ptr<Strand> make_thread_strand();

/// Those of the machine, unless a simulation brings its own.
struct Surroundings {
  std::function<TimePoint()> now = &std::chrono::steady_clock::now;
  std::function<std::unique_ptr<Strand>()> make_strand = &make_thread_strand;
};

}  // namespace widepipe
