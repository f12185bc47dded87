#include "schedule/placement.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

#include "schedule/serving_plans.h"

namespace widepipe::schedule {
namespace {

/// Changes of a device at a time: the others go on meanwhile.
constexpr int kMostChanges = 3;
/// What having no instance counts as, in devices of speed 1.
constexpr double kAlmostNone = 0.05;
/// A model that nobody asks for needs this share of the mean need.
constexpr double kLeastNeed = 0.05;

/// The state of a placement while it changes.
class Rebalancing {
 public:
  Rebalancing(const Cluster& cluster, std::span<const ModelNeed> needs,
              std::span<const DeviceState> devices, double hysteresis, Instances& instances)
      : cluster_(cluster),
        needs_(needs),
        devices_(devices),
        hysteresis_(hysteresis),
        instances_(instances),
        has_(needs.size(), 0),
        order_(needs.size()) {
    double all = 0;
    for (const ModelNeed& need : needs) all += need.busy;
    least_need_ = kLeastNeed * all / static_cast<double>(needs.size());
    for (std::size_t device = 0; device < devices.size(); ++device) {
      if (devices[device].ejected) continue;
      for (const InstanceSpec& spec : instances[device]) has_[spec.model] += devices[device].speed;
    }
  }

  void run() {
    // Those first that lose least.
    std::vector<std::pair<double, std::size_t>> by_loss;
    for (std::size_t device = 0; device < devices_.size(); ++device) {
      if (devices_[device].ejected) continue;
      double least = std::numeric_limits<double>::infinity();
      for (const InstanceSpec& spec : instances_[device]) {
        least = std::min(least, scarcity_without(spec.model, device));
      }
      by_loss.emplace_back(least, device);
    }
    std::sort(by_loss.begin(), by_loss.end());
    for (const auto& [loss, device] : by_loss) {
      for (int change = 0; change < kMostChanges && improve(device); ++change) {
      }
    }
  }

 private:
  double scarcity(ModelId model, double has) const {
    return std::max(needs_[model].busy, least_need_) / std::max(has, kAlmostNone);
  }
  double scarcity_without(ModelId model, std::size_t device) const {
    return scarcity(model, has_[model] - devices_[device].speed);
  }
  double bytes(const InstanceSpec& spec) const {
    return cluster_.models[spec.model].costs->instance_bytes(spec.max_batch);
  }

  /// One more instance on the device, of the scarcest model for which there is room, or can be.
  bool improve(std::size_t device) {
    std::iota(order_.begin(), order_.end(), ModelId{0});
    std::sort(order_.begin(), order_.end(), [this](ModelId a, ModelId b) {
      return std::pair(scarcity(b, has_[b]), a) < std::pair(scarcity(a, has_[a]), b);
    });
    return std::any_of(order_.begin(), order_.end(),
                       [&](ModelId model) { return add(model, device); });
  }

  bool add(ModelId model, std::size_t device) {
    std::vector<InstanceSpec>& here = instances_[device];
    const NetworkCosts& costs = *cluster_.models[model].costs;
    const ServingDevice& spec_of_device = cluster_.devices[device];
    const InstanceSpec spec = fitted(needs_[model].spec, costs, spec_of_device.cores);
    const int takes = costs.core_choices()[spec.choice];
    const auto count = std::count_if(here.begin(), here.end(),
                                     [model](const auto& one) { return one.model == model; });
    if (takes > spec_of_device.cores || (count > 0 && (count + 1) * takes > spec_of_device.cores)) {
      return false;
    }
    double left = spec_of_device.memory - bytes(spec);
    if (left < 0) return false;
    for (const InstanceSpec& one : here) left -= bytes(one);
    const double wanted = scarcity(model, has_[model]) / hysteresis_;
    std::vector<InstanceSpec> changed = here;
    std::vector<double> has = has_;
    while (left < 0) {
      // Whatever is missed least, as long as it is missed less than this.
      auto victim = changed.end();
      double least = wanted;
      for (auto one = changed.begin(); one != changed.end(); ++one) {
        if (one->model == model) continue;
        const double without = scarcity(one->model, has[one->model] - devices_[device].speed);
        if (without >= least) continue;
        least = without;
        victim = one;
      }
      if (victim == changed.end()) return false;
      left += bytes(*victim);
      has[victim->model] -= devices_[device].speed;
      changed.erase(victim);
    }
    changed.push_back(spec);
    has[model] += devices_[device].speed;
    here = std::move(changed);
    has_ = std::move(has);
    return true;
  }

  const Cluster& cluster_;
  const std::span<const ModelNeed> needs_;
  const std::span<const DeviceState> devices_;
  const double hysteresis_;
  Instances& instances_;
  double least_need_ = 0;
  std::vector<double> has_;     ///< by model: devices that work and have an instance, by speed
  std::vector<ModelId> order_;  ///< the scarcest first
};

}  // namespace

Instances spread(const Cluster& cluster, std::span<const ModelNeed> needs,
                 std::span<const DeviceState> devices) {
  const std::size_t models = needs.size();
  std::vector<double> bytes(models);
  for (std::size_t model = 0; model < models; ++model) {
    bytes[model] = cluster.models[model].costs->instance_bytes(needs[model].spec.max_batch);
  }
  Instances plan(cluster.devices.size());
  std::vector<double> has(models, 0);  // instances so far, by the speed of their devices
  for (std::size_t device = 0; device < plan.size(); ++device) {
    if (devices[device].ejected) continue;
    const int cores = cluster.devices[device].cores;
    double left = cluster.devices[device].memory;
    std::vector<int> here(models, 0);
    for (;;) {
      // Of what fits: what nobody has, what this device lacks, then what is scarcest for its need.
      std::size_t best = models;
      std::tuple<bool, bool, double> best_rank{};
      InstanceSpec best_spec;
      for (std::size_t step = 0; step < models; ++step) {
        const std::size_t model = (step + device) % models;
        if (bytes[model] > left) continue;
        const NetworkCosts& costs = *cluster.models[model].costs;
        const InstanceSpec spec = fitted(needs[model].spec, costs, cores);
        const int takes = costs.core_choices()[spec.choice];
        if (takes > cores || (here[model] > 0 && (here[model] + 1) * takes > cores)) continue;
        const std::tuple rank{has[model] == 0, here[model] == 0,
                              needs[model].busy / (has[model] + 1)};
        if (best == models || rank > best_rank) {
          best = model;
          best_rank = rank;
          best_spec = spec;
        }
      }
      if (best == models) break;
      plan[device].push_back(best_spec);
      left -= bytes[best];
      ++here[best];
      has[best] += devices[device].speed;
    }
  }
  return plan;
}

void rebalance(const Cluster& cluster, std::span<const ModelNeed> needs,
               std::span<const DeviceState> devices, double hysteresis, Instances& instances) {
  Rebalancing(cluster, needs, devices, hysteresis, instances).run();
}

}  // namespace widepipe::schedule
