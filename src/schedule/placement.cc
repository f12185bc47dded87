#include "schedule/placement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "schedule/serving_plans.h"

namespace widepipe::schedule {
namespace {

/// Changes of a device at a time: the others go on meanwhile.
constexpr int kMostChanges = 3;
/// What having no instance counts as, in instances on devices of speed 1.
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
        copies_(needs.size(), 0) {
    double all = 0;
    for (const ModelNeed& need : needs) all += need.busy;
    least_need_ = kLeastNeed * all / static_cast<double>(needs.size());
    for (std::size_t device = 0; device < devices.size(); ++device) {
      if (devices[device].ejected) continue;
      for (const InstanceSpec& spec : instances[device]) count(spec, device, 1);
    }
  }

  void run() {
    // Those first that lose least.
    std::vector<std::pair<double, std::size_t>> by_loss;
    for (std::size_t device = 0; device < devices_.size(); ++device) {
      if (!devices_[device].ejected) by_loss.emplace_back(least_loss(device), device);
    }
    std::sort(by_loss.begin(), by_loss.end());
    for (const auto& [loss, device] : by_loss) {
      int changes = refit(device);
      while (changes < kMostChanges && improve(device)) ++changes;
    }
  }

 private:
  double need(ModelId model) const {
    return needs_[model].over ? 0 : std::max(needs_[model].busy, least_need_);
  }
  /// How much of its need each part of what it has bears.
  double scarcity(ModelId model) const { return need(model) / std::max(has_[model], kAlmostNone); }
  double bytes(const InstanceSpec& spec) const {
    return cluster_.models[spec.model].costs->instance_bytes(spec.max_batch);
  }
  /// What an instance on a device counts as: one on as many cores as are asked for, at speed 1.
  double worth(const InstanceSpec& spec, std::size_t device) const {
    const std::vector<int>& cores = cluster_.models[spec.model].costs->core_choices();
    const int wanted = cores[needs_[spec.model].spec.choice];
    return devices_[device].speed * cores[spec.choice] / wanted;
  }
  void count(const InstanceSpec& spec, std::size_t device, int change) {
    has_[spec.model] += change * worth(spec, device);
    copies_[spec.model] += change;
  }
  /// How scarce its model would be without it; infinity for the last one of a model that is needed.
  double loss(const InstanceSpec& spec, std::size_t device) const {
    if (needs_[spec.model].over) return 0;
    if (copies_[spec.model] <= 1) return std::numeric_limits<double>::infinity();
    const double left = has_[spec.model] - worth(spec, device);
    return need(spec.model) / std::max(left, kAlmostNone);
  }
  double least_loss(std::size_t device) const {
    double least = std::numeric_limits<double>::infinity();
    for (const InstanceSpec& spec : instances_[device]) least = std::min(least, loss(spec, device));
    return least;
  }

  InstanceSpec wanted_on(ModelId model, std::size_t device) const {
    return fitted_to(needs_[model].spec, *cluster_.models[model].costs, cluster_.devices[device]);
  }

  /// Of other cores than are wanted, or too small for half of the largest batch.
  static bool unfit(const InstanceSpec& has, const InstanceSpec& wanted) {
    return has.choice != wanted.choice || 2 * has.max_batch < wanted.max_batch;
  }

  /// Changes instances into what they should be there, as long as cores and memory suffice; the
  /// others go, but for the last one of a model. How many it changed.
  int refit(std::size_t device) {
    std::vector<InstanceSpec>& here = instances_[device];
    double left = cluster_.devices[device].memory;
    for (const InstanceSpec& one : here) left -= bytes(one);
    int changes = 0;
    for (std::size_t i = 0; i < here.size() && changes < kMostChanges;) {
      const InstanceSpec has = here[i];
      const InstanceSpec wanted = wanted_on(has.model, device);
      const bool room = bytes(wanted) <= left + bytes(has) && has_cores(wanted, device);
      if (needs_[has.model].over || !unfit(has, wanted) || (!room && copies_[has.model] == 1)) {
        ++i;
        continue;
      }
      ++changes;
      left += bytes(has);
      count(has, device, -1);
      if (room) {
        here[i++] = wanted;
        left -= bytes(wanted);
        count(wanted, device, 1);
      } else {
        here.erase(here.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    return changes;
  }

  /// For one more beside those that are as it is.
  bool has_cores(const InstanceSpec& spec, std::size_t device) const {
    const std::vector<InstanceSpec>& here = instances_[device];
    const auto alike = std::count_if(here.begin(), here.end(), [&](const InstanceSpec& one) {
      return one.model == spec.model && !unfit(one, spec);
    });
    const int takes = cluster_.models[spec.model].costs->core_choices()[spec.choice];
    return alike == 0 || (alike + 1) * takes <= cluster_.devices[device].cores;
  }

  /// One more instance on the device, of the scarcest model for which there is room, or can be.
  bool improve(std::size_t device) {
    const std::vector<InstanceSpec>& here = instances_[device];
    double left = cluster_.devices[device].memory;
    for (const InstanceSpec& one : here) left -= bytes(one);
    const double loss_here = least_loss(device);
    // Most devices have nothing to gain at most times.
    order_.clear();
    for (ModelId model = 0; model < needs_.size(); ++model) {
      if (needs_[model].over) continue;
      const InstanceSpec spec = wanted_on(model, device);
      if (bytes(spec) > left && copies_[model] > 0 && scarcity(model) / hysteresis_ <= loss_here) {
        continue;
      }
      order_.emplace_back(-scarcity(model), spec);
    }
    std::sort(order_.begin(), order_.end());
    return std::any_of(order_.begin(), order_.end(),
                       [&](const auto& entry) { return add(entry.second, device, left); });
  }

  bool add(const InstanceSpec& spec, std::size_t device, double left) {
    std::vector<InstanceSpec>& here = instances_[device];
    const int cores = cluster_.devices[device].cores;
    const int takes = cluster_.models[spec.model].costs->core_choices()[spec.choice];
    const auto count_here = std::count_if(here.begin(), here.end(),
                                          [&](const auto& one) { return one.model == spec.model; });
    if (takes > cores || (count_here > 0 && (count_here + 1) * takes > cores)) return false;
    left -= bytes(spec);
    std::vector<InstanceSpec> taken;
    while (left < 0) {
      const auto victim = least_missed(spec.model, device);
      if (victim == here.end()) break;
      left += bytes(*victim);
      taken.push_back(*victim);
      count(*victim, device, -1);
      here.erase(victim);
    }
    if (left < 0) {  // not even so
      for (const InstanceSpec& one : taken) {
        here.push_back(one);
        count(one, device, 1);
      }
      return false;
    }
    here.push_back(spec);
    count(spec, device, 1);
    return true;
  }

  /// Of the instances that may make room for one of a model. The last one of another model only for
  /// the first one of a model that is needed more.
  std::vector<InstanceSpec>::iterator least_missed(ModelId model, std::size_t device) {
    std::vector<InstanceSpec>& here = instances_[device];
    auto victim = here.end();
    double least = scarcity(model) / hysteresis_;
    for (auto one = here.begin(); one != here.end(); ++one) {
      if (one->model == model) continue;
      double missed = loss(*one, device);
      if (std::isinf(missed) && copies_[model] == 0) missed = need(one->model) / kAlmostNone;
      if (missed >= least) continue;
      least = missed;
      victim = one;
    }
    return victim;
  }

  const Cluster& cluster_;
  const std::span<const ModelNeed> needs_;
  const std::span<const DeviceState> devices_;
  const double hysteresis_;
  Instances& instances_;
  double least_need_ = 0;
  std::vector<double> has_;                             ///< by model, on devices that work
  std::vector<int> copies_;                             ///< likewise
  std::vector<std::pair<double, InstanceSpec>> order_;  ///< the scarcest first
};

}  // namespace

Instances spread(const Cluster& cluster, std::span<const ModelNeed> needs,
                 std::span<const DeviceState> devices) {
  const std::size_t models = needs.size();
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
        const NetworkCosts& costs = *cluster.models[model].costs;
        const InstanceSpec spec = fitted_to(needs[model].spec, costs, cluster.devices[device]);
        if (costs.instance_bytes(spec.max_batch) > left) continue;
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
      left -= cluster.models[best].costs->instance_bytes(best_spec.max_batch);
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
