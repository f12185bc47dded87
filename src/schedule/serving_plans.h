#pragma once
// What the plans of several policies have in common.

#include <span>
#include <vector>

#include "schedule/request_policy.h"

namespace widepipe::schedule {

/// How a model is best run: on so many cores, in batches of so many.
struct OperatingPoint {
  std::uint32_t choice = 0;
  int batch = 1;
  Seconds solo = 0;
};

/// The cheapest way to run batches that take at most `limit` alone: by cores and bandwidth of a
/// device with `cores`, both as shares of it. The quickest one if none is within the limit.
OperatingPoint cheapest_point(const NetworkCosts& costs, int cores, Seconds limit);

/// Seconds of a device that a request costs: the mean of its cores' share and its bandwidth's.
double cost_per_request(const NetworkCosts& costs, std::uint32_t choice, int batch, int cores);

/// What devices should hold so that each model has instances in proportion to what it needs.
struct ModelNeed {
  double busy = 0;  ///< instances that would be busy all the time, on all devices together
  InstanceSpec spec;
};

/// Instances for each device, within its memory: first one of each model, then more of those that
/// have least for what they need, while cores allow it. Devices get their models in an order that
/// is shifted from one to the next, so that what does not fit everywhere is spread.
std::vector<std::vector<InstanceSpec>> spread(const Cluster& cluster,
                                              std::span<const ModelNeed> needs,
                                              std::span<const DeviceState> devices);

}  // namespace widepipe::schedule
