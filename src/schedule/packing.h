#pragma once
// Where devices have no room for all models: how large the instances of each are, and which devices
// have them, by how much is asked of each model.

#include <functional>
#include <span>
#include <vector>

#include "schedule/placement.h"
#include "schedule/serving_plans.h"

namespace widepipe::schedule {

/// The constants of what follows; they were chosen by hand, on workload G with 32 devices.
struct PackingSettings {
  /// Instances for so many times the time that batches take alone: neighbours slow them down, and
  /// requests do not come evenly.
  double spare = 2.25;
  /// Of all memory, for what is chosen: the rest takes more copies, and lets plans change.
  double part = 0.7;
  /// Ways are chosen as if each model were asked for at least so many times as much as the mean:
  /// any of them may become popular before it can be loaded anew.
  double surge = 2;
  /// Likewise for the number of copies.
  double least_rate = 0.4;
  /// Where a device has more to do than that share of its time, its instances count for less.
  double crowded = 0.3;
  /// As of rebalance().
  double hysteresis = kUsualHysteresis;
};

/// A way to run a model.
struct ModelWay {
  OperatingPoint point;
  int largest = 1;  ///< batch that its instances take, at least the point's
  int usual = 1;    ///< batch that they run if enough requests wait
};

/// Ways with ever larger instances: `way` gives the one whose instances have at most so many bytes,
/// and take at most so many requests.
std::vector<ModelWay> ways_by_size(const NetworkCosts& costs, double most_bytes,
                                   const std::function<ModelWay(double, int)>& way);

/// What is asked of a model, and the ways in which it may be run: at least one, from the smallest
/// instance to the largest.
struct ModelDemand {
  double rate = 0;     ///< requests a second
  Seconds gather = 0;  ///< how long they wait, for a fuller batch or for an instance
  std::span<const ModelWay> ways;
};

/// The ways that together take least of cores and bandwidth, of those whose instances leave some of
/// the memory of working devices free: large batches for models that fill them, small instances for
/// others. The price of memory, as a Lagrange multiplier, is found by bisection. Where all that is
/// asked for has no room, one instance of each model is to have; where not even that, they are as
/// small as there are.
std::vector<ModelWay> choose_ways(const Cluster& cluster, std::span<const DeviceState> devices,
                                  std::span<const ModelDemand> demands,
                                  const PackingSettings& settings = {});

/// Requests a second by model, in these proportions, of a load that would be moderate if each
/// were run in its smallest way: for plans before anything is known. `smallest`: by model.
std::vector<double> moderate_rates(const Cluster& cluster, std::vector<double> shares,
                                   std::span<const ModelWay> smallest);

/// One model for pack().
struct PackedModel {
  double rate = 0;  ///< requests a second
  ModelWay way;
};

/// Changes instances, those of the last plan, or makes them, if there are none at all. Again and
/// again the model that has least for what is asked of it gets an instance: on the device with
/// least to do of those that have room, else where what has to go is missed least. As of
/// rebalance(), each of these models is then less scarce than the other was, by the hysteresis; the
/// last instance of a model goes only for the first of another, and no two go for one. Instances
/// keep their size until another model takes their place. Devices that are ejected keep theirs,
/// which do not count. A plan adds at most three instances to a device. Of many devices it compares
/// some.
void pack(const Cluster& cluster, std::span<const PackedModel> models,
          std::span<const DeviceState> devices, const PackingSettings& settings,
          Instances& instances);

}  // namespace widepipe::schedule
