#pragma once
// Where the time of a thread goes.

#include <ctime>

#include <array>
#include <cstddef>

namespace widepipe::mpi_runtime {

/// CPU time of the calling thread, in seconds.
inline double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// What rank 0 does in a turn of its loop.
enum class Section {
  kArrivals,   ///< hands requests to the scheduler
  kDecisions,  ///< the scheduler dispatches
  kNews,       ///< reads answers, checks them, tells the scheduler
  kOrders,     ///< puts orders into slots
  kMpi,        ///< posts and tests collectives
  kRest        ///< life signs, waiting
};
inline constexpr std::size_t kSections = 6;

/// CPU time by section: all that passes between two calls belongs to the section of the first.
class CpuSections {
 public:
  void start() {
    seconds_ = {};
    at_ = thread_cpu_seconds();
    now_ = Section::kRest;
  }
  /// From now on.
  void enter(Section section) {
    const double now = thread_cpu_seconds();
    seconds_[static_cast<std::size_t>(now_)] += now - at_;
    at_ = now;
    now_ = section;
  }
  const std::array<double, kSections>& seconds() const { return seconds_; }

 private:
  std::array<double, kSections> seconds_{};
  double at_ = 0;
  Section now_ = Section::kRest;
};

}  // namespace widepipe::mpi_runtime
