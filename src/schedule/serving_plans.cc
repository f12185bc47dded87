#include "schedule/serving_plans.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace widepipe::schedule {

double cost_per_request(const NetworkCosts& costs, std::uint32_t choice, int batch, int cores) {
  const NetworkCosts::Cell& cell = costs.at(choice, batch);
  const double of_cores = static_cast<double>(costs.core_choices()[choice]) / cores;
  return cell.solo * (of_cores + cell.demand) / 2 / batch;
}

OperatingPoint cheapest_point(const NetworkCosts& costs, int cores, Seconds limit,
                              double memory_per_core) {
  OperatingPoint best;
  double least = std::numeric_limits<double>::infinity();
  OperatingPoint quickest{0, 1, costs.at(0, 1).solo};
  for (std::uint32_t choice = 0; choice < costs.core_choices().size(); ++choice) {
    if (costs.core_choices()[choice] > cores) break;
    for (int batch = 1; batch <= costs.max_batch(); ++batch) {
      const Seconds solo = costs.at(choice, batch).solo;
      if (solo < quickest.solo) quickest = {choice, batch, solo};
      if (solo > limit) break;
      if (costs.instance_bytes(batch) > memory_per_core * costs.core_choices()[choice]) break;
      const double cost = cost_per_request(costs, choice, batch, cores);
      if (cost >= least) continue;
      least = cost;
      best = {choice, batch, solo};
    }
  }
  return least < std::numeric_limits<double>::infinity() ? best : quickest;
}

std::vector<std::vector<InstanceSpec>> spread(const Cluster& cluster,
                                              std::span<const ModelNeed> needs,
                                              std::span<const DeviceState> devices) {
  const std::size_t models = needs.size();
  std::vector<double> bytes(models);
  for (std::size_t model = 0; model < models; ++model) {
    bytes[model] = cluster.models[model].costs->instance_bytes(needs[model].spec.max_batch);
  }
  std::vector<std::vector<InstanceSpec>> plan(cluster.devices.size());
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

int most_cores(const Cluster& cluster) {
  int cores = 1;
  for (const ServingDevice& device : cluster.devices) cores = std::max(cores, device.cores);
  return cores;
}

double least_memory_per_core(const Cluster& cluster) {
  double least = std::numeric_limits<double>::infinity();
  for (const ServingDevice& device : cluster.devices) {
    least = std::min(least, device.memory / device.cores);
  }
  return least;
}

std::vector<Seconds> tightest_slo(const Cluster& cluster) {
  std::vector<Seconds> slo(cluster.models.size(), std::numeric_limits<Seconds>::infinity());
  for (const RequestStream& stream : cluster.streams) {
    slo[stream.model] = std::min(slo[stream.model], stream.slo);
  }
  return slo;
}

InstanceSpec fitted(InstanceSpec spec, const NetworkCosts& costs, int cores) {
  while (spec.choice > 0 && costs.core_choices()[spec.choice] > cores) --spec.choice;
  return spec;
}

std::vector<double> model_rates(const ServingObservation& seen) {
  const Cluster& cluster = *seen.cluster;
  std::vector<double> rates(cluster.models.size(), 0);
  double all = 0;
  for (StreamId id = 0; id < seen.streams.size(); ++id) {
    const StreamState& stream = seen.streams[id];
    const double rate = cluster.streams[id].rows > 0 ? static_cast<double>(stream.waiting)
                                                     : stream.arrivals_per_second;
    rates[cluster.streams[id].model] += rate;
    all += rate;
  }
  if (all <= 0) rates.assign(rates.size(), 1);
  return rates;
}

void StickyPlanner::plan(const ServingObservation& seen, const std::vector<ModelNeed>& needs,
                         ServingPlan& plan) {
  if (!planned_for_.empty() && still_good(seen, needs)) return;
  plan.instances = spread(*seen.cluster, needs, seen.devices);
  planned_for_ = needs;
  ejected_.clear();
  for (const DeviceState& device : seen.devices) ejected_.push_back(device.ejected);
}

bool StickyPlanner::still_good(const ServingObservation& seen,
                               const std::vector<ModelNeed>& needs) const {
  constexpr double kRare = 0.01;  // a share of all needs that no plan is made for
  for (std::size_t i = 0; i < seen.devices.size(); ++i) {
    if (seen.devices[i].ejected != ejected_[i]) return false;
  }
  double before = 0;
  double now = 0;
  for (std::size_t model = 0; model < needs.size(); ++model) {
    before += planned_for_[model].busy;
    now += needs[model].busy;
  }
  if (now <= 0) return true;
  for (std::size_t model = 0; model < needs.size(); ++model) {
    const double share = planned_for_[model].busy / before;
    if (needs[model].busy / now > hysteresis_ * share + kRare) return false;
  }
  return true;
}

}  // namespace widepipe::schedule
