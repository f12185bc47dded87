#include "schedule/run_stats.h"

#include <algorithm>
#include <cmath>

namespace widepipe::schedule {

double DeviceStats::busy_share(int instances) const {
  const Seconds window = last_finish - first_start;
  return window > 0 ? busy / (window * instances) : 0;
}

void RunStats::add(const BatchTiming& timing) {
  DeviceStats& device = devices_.at(timing.dispatch.device);
  const Seconds start = timing.finished_at - timing.busy;
  device.first_start = device.batches == 0 ? start : std::min(device.first_start, start);
  device.last_finish = std::max(device.last_finish, timing.finished_at);
  ++device.batches;
  device.busy += timing.busy;
  if (timing.failed) {
    ++device.failed_batches;
  } else if (timing.dispatch.check) {
    device.rechecked += timing.dispatch.rows.count;
  } else {
    device.rows += timing.dispatch.rows.count;
  }
  if (timing.dispatch.check) return;
  by_stream_.at(timing.dispatch.stream).push_back(timing);
}

double percentile(std::vector<double> samples, double share) {
  if (samples.empty()) return 0;
  const double rank = std::ceil(share * static_cast<double>(samples.size())) - 1;
  const auto index =
      static_cast<std::ptrdiff_t>(std::clamp(rank, 0.0, static_cast<double>(samples.size() - 1)));
  std::nth_element(samples.begin(), samples.begin() + index, samples.end());
  return samples[static_cast<std::size_t>(index)];
}

}  // namespace widepipe::schedule
