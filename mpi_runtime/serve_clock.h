#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>

#include "schedule/types.h"

namespace widepipe::mpi_runtime {

/// Time of a replay, on which all ranks agree: `scale` real seconds are one of it. Any thread may
/// ask what it is.
class ServeClock {
 public:
  using Real = std::chrono::steady_clock;

  explicit ServeClock(double scale) : scale_(scale), origin_(Real::now()) {}

  double scale() const { return scale_; }
  bool running() const { return offset() > -std::numeric_limits<double>::infinity(); }
  /// Negative before it runs.
  schedule::Seconds now() const { return running() ? own() + offset() : -1; }
  /// The leader's: from here on it runs.
  void start() { offset_.store(-own(), std::memory_order_relaxed); }
  /// Another rank hears what the leader's clock showed a while ago. Of all it has heard, what was
  /// on its way for the shortest time is nearest to the truth.
  void hear(schedule::Seconds leader) {
    if (leader >= 0) {
      offset_.store(std::max(offset(), leader - own()), std::memory_order_relaxed);
    }
  }

 private:
  double offset() const { return offset_.load(std::memory_order_relaxed); }
  schedule::Seconds own() const {
    return std::chrono::duration<double>(Real::now() - origin_).count() / scale_;
  }

  const double scale_;
  const Real::time_point origin_;
  std::atomic<double> offset_ = -std::numeric_limits<double>::infinity();
};

}  // namespace widepipe::mpi_runtime
