#include "schedule/bulk_rules.h"

#include <algorithm>
#include <cmath>

namespace widepipe::schedule {

std::int64_t steady_rows(Seconds target, Seconds seconds_per_row) {
  return std::int64_t{1} << static_cast<int>(std::log2(std::max(target / seconds_per_row, 1.0)));
}

std::int64_t guided_rows(std::int64_t waiting, std::int64_t instances) {
  return waiting / (2 * std::max<std::int64_t>(instances, 1));
}

BulkRules::BulkRules(const Cluster& cluster, Seconds target)
    : target_(target),
      memory_per_core_(least_memory_per_core(cluster)),
      devices_(static_cast<std::int64_t>(cluster.devices.size())) {
  double least = std::numeric_limits<double>::infinity();
  for (const int cores : cluster.models.front().costs->core_choices()) {
    double cost = 0;
    for (const RequestStream& stream : cluster.streams) {
      const NetworkCosts& costs = *cluster.models[stream.model].costs;
      const OperatingPoint point = point_on(costs, cores);
      cost += static_cast<double>(std::max<std::size_t>(stream.rows, 1)) *
              cost_per_request(costs, point.choice, point.batch, most_cores(cluster));
    }
    if (cost >= least) continue;
    least = cost;
    cores_ = cores;
  }
}

OperatingPoint BulkRules::point_on(const NetworkCosts& costs, int cores) const {
  OperatingPoint point = largest_point(costs, cores, memory_per_core_ * cores);
  if (point.solo <= target_) return point;
  const auto rows = steady_rows(target_, point.solo / point.batch);
  point.batch = static_cast<int>(std::min<std::int64_t>(rows, point.batch));
  point.solo = costs.at(point.choice, point.batch).solo;
  return point;
}

/// Of a device and not of its instances: of ten networks on it only one or two run this one.
int BulkRules::most_rows(std::size_t waiting) const {
  constexpr std::int64_t kMost = 1 << 20;
  constexpr std::int64_t kHalf = 2;
  return static_cast<int>(std::clamp<std::int64_t>(
      guided_rows(kHalf * static_cast<std::int64_t>(waiting), devices_), 1, kMost));
}

}  // namespace widepipe::schedule
