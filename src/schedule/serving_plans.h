#pragma once
// What the plans of several policies have in common.

#include <limits>
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

/// The cheapest way to run batches that take at most `limit` alone, and whose instances hold at
/// most `memory_per_core` for each of their cores: by cores and bandwidth of a device with `cores`,
/// both as shares of it. The quickest one if none is within the limits.
OperatingPoint cheapest_point(const NetworkCosts& costs, int cores, Seconds limit,
                              double memory_per_core = std::numeric_limits<double>::infinity());

/// Seconds of a device that a request costs: the mean of its cores' share and its bandwidth's.
double cost_per_request(const NetworkCosts& costs, std::uint32_t choice, int batch, int cores);

/// What devices should hold so that each model has instances in proportion to what it needs.
struct ModelNeed {
  double busy = 0;  ///< instances that would be busy all the time, on all devices together
  InstanceSpec spec;
};

/// Instances for each device, within its memory: first of each model that nobody has, then one of
/// each, then more of those that have least for what they need, while cores allow it. Devices get
/// their models in an order that is shifted from one to the next, so that what does not fit
/// everywhere is spread. A device with fewer cores than an instance asks for gets it with as many
/// as it has.
std::vector<std::vector<InstanceSpec>> spread(const Cluster& cluster,
                                              std::span<const ModelNeed> needs,
                                              std::span<const DeviceState> devices);

/// Of the largest device.
int most_cores(const Cluster& cluster);
/// The least of all devices.
double least_memory_per_core(const Cluster& cluster);
/// By model, of its streams; infinity if it has none.
std::vector<Seconds> tightest_slo(const Cluster& cluster);
/// On no more cores than a device has, if the model has such a choice.
InstanceSpec fitted(InstanceSpec spec, const NetworkCosts& costs, int cores);

/// Requests a second by model, all alike before anything is known; of data sets, the rows that are
/// left.
std::vector<double> model_rates(const ServingObservation& seen);

inline constexpr double kUsualHysteresis = 1.5;

/// spread(), made anew only when it is worth loading models: when the needs have changed a good
/// deal, or devices came or went.
class StickyPlanner {
 public:
  /// A model's share of all needs may grow so many times before the plan is made anew.
  explicit StickyPlanner(double hysteresis) : hysteresis_(hysteresis) {}

  void plan(const ServingObservation& seen, const std::vector<ModelNeed>& needs, ServingPlan& plan);

 private:
  bool still_good(const ServingObservation& seen, const std::vector<ModelNeed>& needs) const;

  double hysteresis_;
  std::vector<ModelNeed> planned_for_;
  std::vector<bool> ejected_;
};

}  // namespace widepipe::schedule
