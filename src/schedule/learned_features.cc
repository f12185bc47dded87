#include "schedule/learned_features.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace widepipe::schedule {
namespace {

/// Features are no further from 0.
constexpr double kMostFeature = 1.5;
/// So far they are from 0 if batches are on their way for the SLO, or take twice as long as
/// expected.
constexpr double kLateness = 5;
constexpr double kUnsteadiness = 5;
/// So many batches at a time are few; four times as many are not.
constexpr double kFewBatches = 4;

/// The weight of the last period in shares of misses, if it is a usual one.
constexpr double kMissWeight = 0.3;
/// Shares of misses count from here.
constexpr double kFewMisses = 0.002;
/// Standard deviations of what arrives by chance.
constexpr double kByChance = 2;

double bounded(double value) { return within(value, kMostFeature); }

/// By model, of what each of its streams says.
template <typename Of>
std::vector<double> by_model(const ServingObservation& seen, Of of) {
  std::vector<double> sums(seen.cluster->models.size(), 0);
  for (StreamId id = 0; id < seen.streams.size(); ++id) {
    sums[seen.cluster->streams[id].model] += static_cast<double>(of(seen.streams[id]));
  }
  return sums;
}

/// `batches`: at a time.
double few_of(double batches) {
  return std::clamp(2 * std::sqrt(kFewBatches / batches) - 1, 0.0, 1.0);
}

bool rates_are_known(const ServingObservation& seen) {
  return std::any_of(seen.streams.begin(), seen.streams.end(),
                     [](const StreamState& stream) { return stream.arrivals_per_second > 0; });
}

/// The devices that work.
struct Fleet {
  double cores = 0;  ///< in those of the largest device
  double size = 0;   ///< likewise, by their speed
  double speed = 1;
  double memory = 0;  ///< of one
};

Fleet fleet_of(const ServingObservation& seen, int cores) {
  Fleet fleet;
  double speeds = 0;
  double working = 0;
  for (DeviceId id = 0; id < seen.devices.size(); ++id) {
    if (seen.devices[id].ejected) continue;
    const ServingDevice& device = seen.cluster->devices[id];
    const double part = static_cast<double>(device.cores) / cores;
    fleet.cores += part;
    fleet.size += seen.devices[id].speed * part;
    fleet.memory += device.memory;
    speeds += seen.devices[id].speed;
    ++working;
  }
  if (working == 0) return fleet;
  fleet.speed = speeds / working;
  fleet.memory /= working;
  return fleet;
}

/// By model, on devices that work.
std::vector<double> instances_of(const ServingObservation& seen) {
  std::vector<double> count(seen.cluster->models.size(), 0);
  for (DeviceId id = 0; id < seen.instances.size(); ++id) {
    if (seen.devices[id].ejected) continue;
    for (const InstanceSpec& one : seen.instances[id]) ++count[one.model];
  }
  return count;
}

}  // namespace

void FeatureWatch::look_at(const Cluster& cluster, int cores) {
  const std::size_t models = cluster.models.size();
  cores_ = cores;
  slo_ = tightest_slo(cluster);
  missed_.assign(models, 0);
  surprise_.assign(models, 0);
  rising_.assign(models, 0);
  for (const ServedModel& model : cluster.models) {
    Seconds shortest = model.costs->at(0, 1).solo;
    for (std::size_t choice = 0; choice < model.costs->core_choices().size(); ++choice) {
      if (model.costs->core_choices()[choice] > cores) break;
      shortest = std::min(shortest, model.costs->at(choice, 1).solo);
    }
    shortest_.push_back(shortest);
  }
}

void FeatureWatch::expect(const Cluster& cluster, std::span<const OperatingPoint> ways) {
  bytes_ = 0;
  for (ModelId model = 0; model < ways.size(); ++model) {
    bytes_ += cluster.models[model].costs->instance_bytes(ways[model].batch);
  }
}

Ended FeatureWatch::follow(const ServingObservation& seen) {
  const double weight = 1 - std::pow(1 - kMissWeight, seen.period / kUsualPlanPeriod);
  follow_surprises(seen, weight);
  follow_arrivals(seen);
  return follow_misses(seen, weight);
}

Ended FeatureWatch::follow_misses(const ServingObservation& seen, double weight) {
  const auto missed = by_model(seen, [](const StreamState& stream) { return stream.missed; });
  const auto ended =
      by_model(seen, [](const StreamState& stream) { return stream.missed + stream.in_time; });
  const auto follow = [weight](double& share, double part, double whole) {
    if (whole > 0) share += weight * (part / whole - share);
  };
  for (ModelId model = 0; model < missed.size(); ++model) {
    follow(missed_[model], missed[model], ended[model]);
  }
  const Ended all{std::accumulate(missed.begin(), missed.end(), 0.0),
                  std::accumulate(ended.begin(), ended.end(), 0.0)};
  follow(all_missed_, all.missed, all.all);
  return all;
}

void FeatureWatch::follow_surprises(const ServingObservation& seen, double weight) {
  const auto took = by_model(seen, [](const StreamState& stream) { return stream.took; });
  const auto timed = by_model(seen, [](const StreamState& stream) { return stream.timed; });
  for (ModelId model = 0; model < surprise_.size(); ++model) {
    if (timed[model] == 0) continue;
    surprise_[model] += weight * (took[model] / timed[model] - 1 - surprise_[model]);
  }
}

void FeatureWatch::follow_arrivals(const ServingObservation& seen) {
  const auto arrived = by_model(seen, [](const StreamState& stream) { return stream.arrived; });
  double all = 1;
  double unexpected = 0;
  for (ModelId model = 0; model < expected_.size(); ++model) {
    const double expected = expected_[model] * seen.period;
    rising_[model] = bounded(std::log((1 + arrived[model]) / (1 + expected)) / 2);
    all += arrived[model];
    unexpected +=
        std::max(std::abs(arrived[model] - expected) - kByChance * std::sqrt(1 + expected), 0.0);
  }
  changes_ = bounded(unexpected / all);
  if (rates_are_known(seen)) expected_ = model_rates(seen);
}

Features FeatureWatch::features(const ServingObservation& seen,
                                std::span<const OperatingPoint> ways) const {
  const Cluster& cluster = *seen.cluster;
  const std::size_t models = cluster.models.size();
  const bool known = rates_are_known(seen);
  const Fleet fleet = fleet_of(seen, cores_);
  const std::vector<double> rates = model_rates(seen);
  const auto waiting = by_model(seen, [](const StreamState& stream) { return stream.waiting; });
  const std::vector<double> instances = instances_of(seen);
  const auto cost = [&](ModelId model, int batch) {
    return cost_per_request(*cluster.models[model].costs, ways[model].choice, batch, cores_);
  };
  std::vector<double> costs_of(models, 0);  // of a request, by model
  std::vector<double> work(models, 0);
  for (ModelId model = 0; model < models; ++model) {
    costs_of[model] = cost(model, ways[model].batch);
    work[model] = rates[model] * costs_of[model];
  }
  const double all_work = std::accumulate(work.begin(), work.end(), 0.0);
  const double all_rates = std::accumulate(rates.begin(), rates.end(), 0.0);
  const double mean_cost = all_rates > 0 ? all_work / all_rates
                                         : std::accumulate(costs_of.begin(), costs_of.end(), 0.0) /
                                               static_cast<double>(models);
  double of_device = 0;  // of its cores, by a batch
  for (ModelId model = 0; model < models; ++model) {
    const double part = all_work > 0 ? work[model] / all_work : 1.0 / static_cast<double>(models);
    of_device += part * cluster.models[model].costs->core_choices()[ways[model].choice] / cores_;
  }
  const double batches = std::max(fleet.cores / of_device, 1.0);
  Features all{.models = std::vector<ModelFeatures>(models), .shared = {}, .few = few_of(batches)};
  for (ModelId model = 0; model < models; ++model) {
    const NetworkCosts& costs = *cluster.models[model].costs;
    const OperatingPoint& way = ways[model];
    const double of_cores = static_cast<double>(costs.core_choices()[way.choice]) / cores_;
    const double demand = costs.at(way.choice, way.batch).demand;
    const double part = all_work > 0 ? work[model] * static_cast<double>(models) / all_work : 1;
    ModelFeatures& of = all.models[model];
    of[kOne] = 1;
    of[kTight] = bounded((std::log(slo_[model] / shortest_[model]) - 2) / 2);
    of[kPopular] = bounded(std::log(std::max(part, 1e-3)) / 2);
    of[kGains] = bounded(std::log(cost(model, 1) / costs_of[model]) - 1);
    of[kBandwidth] = (demand - of_cores) / (demand + of_cores);
    of[kMisses] = bounded(std::log((missed_[model] + kFewMisses) / (all_missed_ + kFewMisses)) / 2);
    of[kSlowness] = bounded(1 - fleet.speed);
    of[kLate] = bounded(kLateness * seen.travel / slo_[model]);
    of[kUnsteady] = bounded(kUnsteadiness * seen.unsteady);
    of[kSurprise] = bounded(kUnsteadiness * surprise_[model]);
    of[kWaiting] = bounded(std::log((1 + waiting[model]) / (1 + way.batch)) / 2);
    of[kRising] = rising_[model];
    of[kCostly] = bounded(std::log(costs_of[model] / mean_cost));
    if (!known) continue;
    const double busy = rates[model] * way.solo / way.batch;
    of[kLoad] = fleet.size > 0 ? bounded(2 * (all_work / fleet.size - 0.6)) : 0;
    of[kLoaded] = bounded(std::log((1 + instances[model]) / (1 + busy)) / 2);
    if (std::isfinite(slo_[model])) {
      of[kGathers] = way.batch / (way.batch + rates[model] * slo_[model]);
    }
  }
  all.shared = shared(all.models, fleet.memory);
  return all;
}

SharedFeatures FeatureWatch::shared(const std::vector<ModelFeatures>& models, double memory) const {
  SharedFeatures all{};
  all[kAlways] = 1;
  all[kAllLoad] = models.front()[kLoad];
  all[kAllMisses] = bounded(std::log((all_missed_ + kFewMisses) / (0.01 + kFewMisses)) / 2);
  all[kAllSlowness] = models.front()[kSlowness];
  for (const ModelFeatures& of : models) {
    all[kAllLate] += of[kLate] / static_cast<double>(models.size());
  }
  all[kAllUnsteady] = models.front()[kUnsteady];
  all[kMemory] = bounded(std::log((1 + bytes_) / (1 + memory)) / 2);
  all[kChanges] = changes_;
  return all;
}

}  // namespace widepipe::schedule
