#pragma once
// Time, processes and their threads, in one thread: nothing happens but events, in the order of
// their times. The same seed gives the same events.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/surroundings.h"
#include "tests/simulation/random.h"

namespace widepipe::simulation {

class World {
 public:
  using Task = std::function<void()>;
  static constexpr int kNobody = -1;  ///< whose events always happen

  World(Random& random, int processes) : random_(random), processes_(processes) {}

  Random& random() { return random_; }
  int processes() const { return static_cast<int>(processes_.size()); }
  Duration passed() const { return now_; }

  /// A task of a process: nothing happens once that is dead, and nothing while it is suspended.
  void after(Duration delay, int process, Task task);
  /// The next event; false if there is none.
  bool step();
  /// A task of a process, now, dead or alive.
  void run_as(int process, const Task& task);
  /// Whose task it is that runs.
  int running() const { return running_; }

  bool alive(int process) const { return of(process).alive; }
  void kill(int process) { of(process).alive = false; }
  void suspend(int process, Duration time) { of(process).suspended_until = now_ + time; }
  /// Its clock leaps forward.
  void jump_clock(int process, Duration time) { of(process).clock_ahead += time; }
  /// From now on its tasks on strands wait longer: a slow disk.
  void slow_strands(int process, Duration most) { of(process).strand_delay = most; }

  /// The clock and the threads of a process.
  Surroundings surroundings(int process);

 private:
  class SimStrand;
  struct Process {
    bool alive = true;
    Duration suspended_until{0};
    Duration clock_ahead{0};
    Duration strand_delay = microseconds(300);
  };
  struct Event {
    int process = kNobody;
    Task task;
  };

  Process& of(int process) { return processes_.at(static_cast<std::size_t>(process)); }
  const Process& of(int process) const { return processes_.at(static_cast<std::size_t>(process)); }
  TimePoint clock(int process) const;

  Random& random_;
  std::vector<Process> processes_;
  Duration now_{0};
  int running_ = kNobody;
  std::uint64_t events_ = 0;
  std::map<std::pair<Duration, std::uint64_t>, Event> queue_;  ///< by time, then as they were made
};

}  // namespace widepipe::simulation
