#pragma once
// What the plans of several policies have in common.

#include <limits>
#include <optional>
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

/// Of what a batch takes of a device, its cores' share counts for so much, its bandwidth's for the
/// rest.
inline constexpr double kCoresCount = 0.5;
/// A larger batch must be cheaper by more than this share to be worth that it blocks others.
inline constexpr double kWorthBlocking = 0.01;

/// The cheapest batch on so many cores that takes at most `limit` alone, in instances of at most
/// `instance_bytes`: by cost_per_request(). None if none is within the limits.
std::optional<OperatingPoint> cheapest_on(const NetworkCosts& costs, std::uint32_t choice,
                                          int cores, Seconds limit, double instance_bytes,
                                          double cores_count = kCoresCount);
/// Likewise, on any number of cores. The quickest batch of one if none is within the limits.
OperatingPoint cheapest_point(const NetworkCosts& costs, int cores, Seconds limit,
                              double instance_bytes = std::numeric_limits<double>::infinity(),
                              double cores_count = kCoresCount);
/// On the same cores, the smallest batch from `least` to the point's that costs at most a share of
/// `pays` more a request than the cheapest of them: a larger one would only block the others.
OperatingPoint no_larger_than_pays(const NetworkCosts& costs, const OperatingPoint& point,
                                   int cores, double cores_count, double pays, int least = 1);
/// The largest batch on so many cores, or as many as there are, in instances of at most
/// `instance_bytes`; a batch of one if none is.
OperatingPoint largest_point(const NetworkCosts& costs, int cores, double instance_bytes);

/// Seconds of a device with `cores` that a request costs: a mean of its cores' share and its
/// bandwidth's.
double cost_per_request(const NetworkCosts& costs, std::uint32_t choice, int batch, int cores,
                        double cores_count = kCoresCount);

/// Of the largest device.
int most_cores(const Cluster& cluster);
/// Likewise.
double most_memory(const Cluster& cluster);
/// The least of all devices.
double least_memory_per_core(const Cluster& cluster);
/// By model, of its streams; infinity if it has none.
std::vector<Seconds> tightest_slo(const Cluster& cluster);
/// On no more cores than a device has, if the model has such a choice.
InstanceSpec fitted(InstanceSpec spec, const NetworkCosts& costs, int cores);
/// Likewise, and in no larger batches than the device has memory for.
InstanceSpec fitted_to(InstanceSpec spec, const NetworkCosts& costs, const ServingDevice& device);
/// Whether most devices have less memory than that.
bool most_have_less_than(double bytes, const Cluster& cluster);

/// Requests a second by model, all alike before anything is known; of data sets, the rows that are
/// left.
std::vector<double> model_rates(const ServingObservation& seen);

}  // namespace widepipe::schedule
