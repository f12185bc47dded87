#include "schedule/packing.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

namespace widepipe::schedule {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

/// Of a device that would be busy all the time.
constexpr double kModerate = 0.4;
/// What a model without an instance can do, in requests a second.
constexpr double kAlmostNothing = 1e-9;
/// To a device at a time: its others go on meanwhile.
constexpr int kMostAdditions = 3;

/// Of so many devices the best is found for an instance.
constexpr std::size_t kCompared = 64;

/// What a way takes of the whole fleet.
struct WayCost {
  double work = 0;   ///< device-seconds a second
  double bytes = 0;  ///< of all its instances
  double one = 0;    ///< bytes of one
};

WayCost cost_of(const NetworkCosts& costs, const ModelDemand& demand, double rate,
                const ModelWay& way, int cores, double spare) {
  const int batch = static_cast<int>(std::clamp(1 + rate * demand.gather, 1.0, 1.0 * way.usual));
  const double busy = rate * costs.at(way.point.choice, batch).solo / batch;
  const double one = costs.instance_bytes(way.largest);
  return {rate * cost_per_request(costs, way.point.choice, batch, cores),
          std::max(1.0, spare * busy) * one, one};
}

class Packing {
 public:
  Packing(const Cluster& cluster, std::span<const PackedModel> models,
          std::span<const DeviceState> devices, const PackingSettings& settings,
          Instances& instances)
      : cluster_(cluster),
        models_(models),
        devices_(devices),
        settings_(settings),
        cores_(most_cores(cluster)),
        instances_(instances),
        has_(models.size(), 0),
        copies_(models.size(), 0),
        load_(devices.size(), 0),
        crowd_(devices.size(), 1),
        left_(devices.size(), 0),
        additions_left_(devices.size(),
                        instances.empty() ? std::numeric_limits<int>::max() : kMostAdditions) {
    instances_.resize(devices.size());
    double all = 0;
    for (const PackedModel& model : models) all += model.rate;
    least_rate_ = settings.least_rate * all / static_cast<double>(models.size());
    for (std::size_t device = 0; device < devices.size(); ++device) {
      left_[device] = cluster.devices[device].memory;
      for (const InstanceSpec& spec : instances_[device]) left_[device] -= bytes(spec);
    }
    look();
  }

  void run() {
    std::vector<bool> stuck(models_.size(), false);
    for (;;) {
      std::optional<ModelId> scarcest;
      for (ModelId model = 0; model < models_.size(); ++model) {
        if (stuck[model] || (scarcest && scarcity(model) <= scarcity(*scarcest))) continue;
        scarcest = model;
      }
      if (!scarcest) return;
      stuck[*scarcest] = !add_one(*scarcest);
    }
  }

 private:
  const NetworkCosts& costs(ModelId model) const { return *cluster_.models[model].costs; }
  double bytes(const InstanceSpec& spec) const {
    return costs(spec.model).instance_bytes(spec.max_batch);
  }
  double rate(ModelId model) const { return std::max(models_[model].rate, least_rate_); }
  double scarcity(ModelId model) const {
    return rate(model) / std::max(has_[model], kAlmostNothing);
  }
  int usual_batch(const InstanceSpec& spec) const {
    return std::min(spec.max_batch, models_[spec.model].way.usual);
  }
  /// Requests a second that an instance can do there, beside the others.
  double capacity(const InstanceSpec& spec, std::size_t device) const {
    const int batch = usual_batch(spec);
    return devices_[device].speed * batch / costs(spec.model).at(spec.choice, batch).solo /
           crowd_[device];
  }
  /// What an instance adds to the load of its device: its part of what is asked of its model, all
  /// of whose instances can do `all`.
  double share_of_load(const InstanceSpec& spec, std::size_t device, double asked,
                       double all) const {
    const double part = capacity(spec, device) / std::max(all, kAlmostNothing);
    const double size = devices_[device].speed * cluster_.devices[device].cores / cores_;
    return asked * part *
           cost_per_request(costs(spec.model), spec.choice, usual_batch(spec), cores_) / size;
  }

  /// How much models have, and devices to do: each depends on the other.
  void look() {
    constexpr int kSteps = 4;
    for (int step = 0; step < kSteps; ++step) {
      std::fill(has_.begin(), has_.end(), 0);
      std::fill(copies_.begin(), copies_.end(), 0);
      for_each_instance([&](const InstanceSpec& spec, std::size_t device) {
        has_[spec.model] += capacity(spec, device);
        ++copies_[spec.model];
      });
      std::vector<double> load(devices_.size(), 0);
      for_each_instance([&](const InstanceSpec& spec, std::size_t device) {
        load[device] += share_of_load(spec, device, models_[spec.model].rate, has_[spec.model]);
      });
      for (std::size_t device = 0; device < load.size(); ++device) {
        load_[device] = step == 0 ? load[device] : (load_[device] + load[device]) / 2;
        crowd_[device] = std::max(1.0, load_[device] / settings_.crowded);
      }
    }
  }

  void for_each_instance(const std::function<void(const InstanceSpec&, std::size_t)>& each) const {
    for (std::size_t device = 0; device < devices_.size(); ++device) {
      if (devices_[device].ejected) continue;
      for (const InstanceSpec& spec : instances_[device]) each(spec, device);
    }
  }

  /// As the model is run.
  InstanceSpec spec_for(ModelId model, std::size_t device) const {
    const ModelWay& way = models_[model].way;
    return fitted_to({model, way.point.choice, way.largest}, costs(model),
                     cluster_.devices[device]);
  }

  bool add_one(ModelId model) {
    std::optional<std::size_t> best;
    std::pair<double, double> least;
    std::size_t compared = 0;
    for (std::size_t step = 0; step < devices_.size() && compared < kCompared; ++step) {
      next_ = (next_ + 1) % devices_.size();
      const std::size_t device = next_;
      if (devices_[device].ejected || additions_left_[device] <= 0) continue;
      ++compared;
      const InstanceSpec spec = spec_for(model, device);
      const double missed = has_cores(spec, device) ? find_victims(spec, device) : kNever;
      if (missed == kNever) continue;
      const std::pair rank{missed, load_with(spec, device)};
      if (best && rank >= least) continue;
      best = device;
      least = rank;
    }
    if (!best) return false;
    const InstanceSpec spec = spec_for(model, *best);
    find_victims(spec, *best);
    std::sort(victims_.begin(), victims_.end(), std::greater<>());
    for (const std::size_t victim : victims_) remove(*best, victim);
    add(spec, *best);
    return true;
  }

  bool has_cores(const InstanceSpec& spec, std::size_t device) const {
    const int takes = costs(spec.model).core_choices()[spec.choice];
    const int here = copies_on(device, spec.model);
    const int cores = cluster_.devices[device].cores;
    return takes <= cores && (here == 0 || (here + 1) * takes <= cores);
  }
  int copies_on(std::size_t device, ModelId model) const {
    const std::vector<InstanceSpec>& here = instances_[device];
    return static_cast<int>(std::count_if(
        here.begin(), here.end(), [&](const InstanceSpec& one) { return one.model == model; }));
  }
  /// By which devices with room are compared. A second copy on a device is of less use.
  double load_with(const InstanceSpec& spec, std::size_t device) const {
    constexpr double kSecond = 0.2;
    const double all = has_[spec.model] + capacity(spec, device);
    return load_[device] + share_of_load(spec, device, rate(spec.model), all) +
           (copies_on(device, spec.model) > 0 ? kSecond : 0);
  }

  void add(const InstanceSpec& spec, std::size_t device) {
    instances_[device].push_back(spec);
    left_[device] -= bytes(spec);
    --additions_left_[device];
    ++copies_[spec.model];
    has_[spec.model] += capacity(spec, device);
    load_[device] += share_of_load(spec, device, models_[spec.model].rate, has_[spec.model]);
  }
  void remove(std::size_t device, std::size_t place) {
    const InstanceSpec spec = instances_[device][place];
    instances_[device].erase(instances_[device].begin() + static_cast<std::ptrdiff_t>(place));
    left_[device] += bytes(spec);
    load_[device] -= share_of_load(spec, device, models_[spec.model].rate, has_[spec.model]);
    --copies_[spec.model];
    has_[spec.model] -= capacity(spec, device);
  }

  /// Sets `victims_` to what has to go for an instance. The most that one of them is missed;
  /// infinity if there is no room even so.
  double find_victims(const InstanceSpec& spec, std::size_t device) {
    victims_.clear();
    double left = left_[device] - bytes(spec);
    double most = 0;
    bool keep_last = copies_[spec.model] > 0;
    while (left < 0) {
      const Victim victim = least_missed(spec.model, device, keep_last);
      if (victim.missed == kNever) return kNever;
      keep_last |= victim.last;
      victims_.push_back(victim.place);
      most = std::max(most, victim.missed);
      left += bytes(instances_[device][victim.place]);
    }
    return most;
  }

  struct Victim {
    double missed = kNever;  ///< how scarce its model would be without it, and those before it
    std::size_t place = 0;
    bool last = false;  ///< of its model
  };
  Victim least_missed(ModelId model, std::size_t device, bool keep_last) const {
    const double limit = scarcity(model) / settings_.hysteresis;
    Victim least;
    const std::vector<InstanceSpec>& here = instances_[device];
    for (std::size_t i = 0; i < here.size(); ++i) {
      if (here[i].model == model || is_victim(i)) continue;
      double has = has_[here[i].model] - capacity(here[i], device);
      int copies = copies_[here[i].model] - 1;
      for (const std::size_t other : victims_) {
        if (here[other].model != here[i].model) continue;
        has -= capacity(here[other], device);
        --copies;
      }
      const bool last = copies <= 0;
      if (last && keep_last) continue;
      const double missed =
          rate(here[i].model) / (last ? kAlmostNothing : std::max(has, kAlmostNothing));
      if (missed < limit && missed < least.missed) least = {missed, i, last};
    }
    return least;
  }
  bool is_victim(std::size_t place) const {
    return std::find(victims_.begin(), victims_.end(), place) != victims_.end();
  }

  const Cluster& cluster_;
  const std::span<const PackedModel> models_;
  const std::span<const DeviceState> devices_;
  const PackingSettings settings_;
  const int cores_;  ///< of the largest device
  Instances& instances_;
  double least_rate_ = 0;
  std::vector<double> has_;           ///< by model: requests a second that its instances can do
  std::vector<int> copies_;           ///< by model, on devices that work
  std::vector<double> load_;          ///< by device: the share of its time that it is busy
  std::vector<double> crowd_;         ///< by device: how much less its instances count for that
  std::vector<double> left_;          ///< by device: memory
  std::vector<int> additions_left_;   ///< by device
  std::vector<std::size_t> victims_;  ///< places on the device that is looked at
  std::size_t next_ = 0;              ///< device that was compared last
};

}  // namespace

std::vector<ModelWay> ways_by_size(const NetworkCosts& costs, double most_bytes,
                                   const std::function<ModelWay(double, int)>& way) {
  std::vector<ModelWay> ways;
  for (int limit = 1, last = 0; last < costs.max_batch();) {
    const double bytes = costs.instance_bytes(limit);
    if (limit > 1 && bytes > most_bytes) break;
    const ModelWay one = way(bytes, limit);
    if (ways.empty() || ways.back().largest != one.largest) ways.push_back(one);
    last = std::exchange(limit, std::min(limit + (limit + 1) / 2, costs.max_batch()));
  }
  return ways;
}

std::vector<ModelWay> choose_ways(const Cluster& cluster, std::span<const DeviceState> devices,
                                  std::span<const ModelDemand> demands,
                                  const PackingSettings& settings) {
  constexpr double kLowest = 1e-3;  // device-seconds a second, for all of the memory
  constexpr double kHighest = 1e6;
  constexpr int kSteps = 40;
  const int cores = most_cores(cluster);
  double room = 0;
  for (std::size_t device = 0; device < devices.size(); ++device) {
    if (!devices[device].ejected) room += settings.part * cluster.devices[device].memory;
  }
  room = std::max(room, 1.0);  // all are ejected
  double mean = 0;
  for (const ModelDemand& demand : demands) mean += demand.rate;
  mean /= static_cast<double>(demands.size());
  std::vector<std::vector<WayCost>> ways(demands.size());
  for (ModelId model = 0; model < demands.size(); ++model) {
    const double rate = std::max(demands[model].rate, settings.surge * mean);
    for (const ModelWay& way : demands[model].ways) {
      ways[model].push_back(
          cost_of(*cluster.models[model].costs, demands[model], rate, way, cores, settings.spare));
    }
  }
  std::vector<ModelWay> chosen(demands.size());
  // At a price of memory. True if what is chosen has room.
  const auto choose = [&](double price, double WayCost::*bytes) {
    double taken = 0;
    for (ModelId model = 0; model < demands.size(); ++model) {
      const auto all = [&](const WayCost& cost) { return cost.work + price * cost.*bytes / room; };
      const auto best =
          std::min_element(ways[model].begin(), ways[model].end(),
                           [&](const auto& x, const auto& y) { return all(x) < all(y); });
      chosen[model] = demands[model].ways[static_cast<std::size_t>(best - ways[model].begin())];
      taken += (*best).*bytes;
    }
    return taken <= room;
  };
  for (double WayCost::*bytes : {&WayCost::bytes, &WayCost::one}) {
    if (choose(0, bytes)) break;
    double low = kLowest;
    double high = kHighest;
    for (int step = 0; step < kSteps; ++step) {
      const double middle = std::sqrt(low * high);
      (choose(middle, bytes) ? high : low) = middle;
    }
    if (choose(high, bytes)) break;
  }
  return chosen;
}

std::vector<double> moderate_rates(const Cluster& cluster, std::vector<double> shares,
                                   std::span<const ModelWay> smallest) {
  const int cores = most_cores(cluster);
  double work = 0;
  for (ModelId model = 0; model < shares.size(); ++model) {
    const OperatingPoint& point = smallest[model].point;
    work += shares[model] *
            cost_per_request(*cluster.models[model].costs, point.choice, point.batch, cores);
  }
  const double scale = kModerate * static_cast<double>(cluster.devices.size()) / work;
  for (double& share : shares) share *= scale;
  return shares;
}

void pack(const Cluster& cluster, std::span<const PackedModel> models,
          std::span<const DeviceState> devices, const PackingSettings& settings,
          Instances& instances) {
  Packing(cluster, models, devices, settings, instances).run();
}

}  // namespace widepipe::schedule
