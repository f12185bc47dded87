#pragma once
// How data sets are cut into batches: what `score`, which learns the time of rows on the way, and
// policies that know it from tables have in common.

#include <cstdint>
#include <limits>

#include "schedule/request_types.h"
#include "schedule/serving_plans.h"

namespace widepipe::schedule {

/// Batches of `score` aim at this time: long beside a round (about 2 ms), short beside a job.
inline constexpr Seconds kSteadyBatch = 0.05;

/// Rows that take about `target`: a power of two, so that a device meets few sizes.
std::int64_t steady_rows(Seconds target, Seconds seconds_per_row);

/// Towards the end batches shrink with what is left, so that no device is still at work on a long
/// batch when the others have none: the part of one of so many instances (guided self-scheduling,
/// Polychronopoulos and Kuck, IEEE Trans. Computers 1987).
std::int64_t guided_rows(std::int64_t waiting, std::int64_t instances);

/// For devices whose costs are known. All instances have one number of cores, the cheapest for the
/// rows that there are: instances on fewer would always find cores free, and starve the others.
class BulkRules {
 public:
  BulkRules() = default;
  /// Batches aim at `target` alone, at most.
  explicit BulkRules(const Cluster& cluster,
                     Seconds target = std::numeric_limits<Seconds>::infinity());

  /// The largest batches that leave memory for instances on all cores.
  OperatingPoint point_of(const NetworkCosts& costs) const { return point_on(costs, cores_); }
  /// The most rows for a batch when so many wait.
  int most_rows(std::size_t waiting) const;

 private:
  OperatingPoint point_on(const NetworkCosts& costs, int cores) const;

  Seconds target_ = 0;
  double memory_per_core_ = 0;  ///< of the device that has least
  int cores_ = 1;
  std::int64_t devices_ = 1;
};

}  // namespace widepipe::schedule
