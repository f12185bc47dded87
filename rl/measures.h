#pragma once
// What a run of requests came to.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "rl/workload.h"

namespace widepipe::rl {

/// Times in buckets that are 1 % wide, from 1 us to hours: a percentile is right within 1 %.
class LatencyHistogram {
 public:
  void add(Seconds latency);
  void add(const LatencyHistogram& other);
  std::int64_t count() const { return count_; }
  /// The latency that a share (0 to 1) of all do not exceed; 0 if there are none.
  Seconds percentile(double share) const;

 private:
  static constexpr std::size_t kBuckets = 2400;
  std::vector<std::int64_t> buckets_ = std::vector<std::int64_t>(kBuckets, 0);
  std::int64_t count_ = 0;
};

struct StreamMeasures {
  std::string name;
  Seconds slo = 0;  ///< infinity: none
  std::int64_t offered = 0;
  std::int64_t in_time = 0;
  std::int64_t late = 0;        ///< answered behind their deadline
  std::int64_t dropped = 0;     ///< by the scheduler: their deadline could not be met any more
  std::int64_t unfinished = 0;  ///< out, or waiting, when the run ended
  LatencyHistogram latency;     ///< of those that were answered
  std::int64_t batches = 0;
  std::int64_t batched = 0;  ///< requests in them

  /// The share of requests that were answered in time; 1 if there were none.
  double attainment() const {
    return offered == 0 ? 1 : static_cast<double>(in_time) / static_cast<double>(offered);
  }
};

constexpr std::size_t kCloseReasons = 5;

struct Measures {
  Seconds duration = 0;  ///< of arrivals; of a data set, the time that is given for it
  std::vector<StreamMeasures> streams;
  std::array<std::int64_t, kCloseReasons> closed{};  ///< batches, by schedule::CloseReason
  double busy_core_seconds = 0;
  double core_seconds = 0;       ///< that there were
  double bandwidth_seconds = 0;  ///< of a device's whole memory bandwidth, in use
  double device_seconds = 0;
  Seconds makespan = 0;     ///< until the last answer
  std::int64_t events = 0;  ///< arrivals and answers of requests, ends of batches, orders, faults
  std::int64_t vetoed = 0;
  std::int64_t replaced = 0;
  std::int64_t given_up = 0;
  std::int64_t refused = 0;
  std::int64_t ejections = 0;
  std::int64_t readmissions = 0;
  std::int64_t loads = 0;
  std::int64_t dispatched_again = 0;
  std::int64_t comparisons = 0;  ///< as of schedule::PolicyCounts, as are the next three
  std::int64_t fallbacks = 0;
  Seconds fallback_seconds = 0;
  std::int64_t policy_steps = 0;
  Seconds travel = 0;  ///< of a batch, the mean: from order to answer, but for the work on it
  double stretch = 1;  ///< of batches: what devices took for them, as a multiple of that alone

  StreamMeasures all() const;
  /// The shares that were answered in time, highest first, of as many streams as the rule looks at,
  /// which are the best ones.
  std::vector<double> counted_shares(const PassRule& rule) const;
  bool passes(const PassRule& rule) const;
  /// Requests a second that were answered in time.
  double goodput() const;
  /// Requests a second until the last answer; 0 if some have none.
  double throughput() const;
};

}  // namespace widepipe::rl
