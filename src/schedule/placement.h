#pragma once
// Which device holds instances of which models.

#include <span>
#include <vector>

#include "schedule/request_policy.h"

namespace widepipe::schedule {

/// How much there is to do for instances of a model, and what they are like.
struct ModelNeed {
  double busy = 0;  ///< instances that would be busy all the time, on all devices together
  InstanceSpec spec;
  bool over = false;  ///< of a data set that is done: nobody will ask for it any more
};

/// Instances for each device.
using Instances = std::vector<std::vector<InstanceSpec>>;

/// Instances for each device, within its memory: first of each model that nobody has, then one of
/// each, then more of those that have least for what they need, while cores allow it. Devices get
/// their models in an order that is shifted from one to the next, so that what does not fit
/// everywhere is spread. A device with fewer cores, or less memory, than an instance asks for
/// gets it with as many as it has, and smaller batches.
Instances spread(const Cluster& cluster, std::span<const ModelNeed> needs,
                 std::span<const DeviceState> devices);

inline constexpr double kUsualHysteresis = 1.5;

/// Changes instances, those of the last plan, where that is worth loading models, at most three on
/// each device: what is scarcest for its need takes the memory that is free, and that of instances
/// whose models would be less scarce without them, by this factor. The last instance of a model
/// that is needed goes only for the first one of a model that is needed more. Instances
/// that are not as is wanted now are changed first: on other cores, or too small for half of the
/// largest batch. Devices that are ejected keep theirs, which do
/// not count.
void rebalance(const Cluster& cluster, std::span<const ModelNeed> needs,
               std::span<const DeviceState> devices, double hysteresis, Instances& instances);

}  // namespace widepipe::schedule
