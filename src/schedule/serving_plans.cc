#include "schedule/serving_plans.h"

#include <algorithm>
#include <limits>

namespace widepipe::schedule {

double cost_per_request(const NetworkCosts& costs, std::uint32_t choice, int batch, int cores) {
  const NetworkCosts::Cell& cell = costs.at(choice, batch);
  const double of_cores = static_cast<double>(costs.core_choices()[choice]) / cores;
  return cell.solo * (of_cores + cell.demand) / 2 / batch;
}

OperatingPoint cheapest_point(const NetworkCosts& costs, int cores, Seconds limit) {
  OperatingPoint best;
  double least = std::numeric_limits<double>::infinity();
  OperatingPoint quickest{0, 1, costs.at(0, 1).solo};
  for (std::uint32_t choice = 0; choice < costs.core_choices().size(); ++choice) {
    if (costs.core_choices()[choice] > cores) break;
    for (int batch = 1; batch <= costs.max_batch(); ++batch) {
      const Seconds solo = costs.at(choice, batch).solo;
      if (solo < quickest.solo) quickest = {choice, batch, solo};
      if (solo > limit) break;
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
  const auto bytes_of = [&](std::size_t model) {
    return cluster.models[model].costs->instance_bytes(needs[model].spec.max_batch);
  };
  const auto cores_of = [&](std::size_t model) {
    return cluster.models[model].costs->core_choices()[needs[model].spec.choice];
  };
  std::vector<std::vector<InstanceSpec>> plan(cluster.devices.size());
  std::vector<double> has(models, 0);  // instances so far, on devices that work
  for (std::size_t device = 0; device < plan.size(); ++device) {
    if (devices[device].ejected) continue;
    double left = cluster.devices[device].memory;
    std::vector<int> here(models, 0);
    for (;;) {
      // Of what fits: what this device lacks altogether, then what is scarcest for its need.
      std::size_t best = models;
      std::pair<bool, double> best_rank{};
      for (std::size_t step = 0; step < models; ++step) {
        const std::size_t model = (step + device) % models;
        const int cores = cluster.devices[device].cores;
        if (bytes_of(model) > left || cores_of(model) > cores ||
            (here[model] > 0 && (here[model] + 1) * cores_of(model) > cores)) {
          continue;
        }
        const double need = needs[model].busy / (has[model] + 1);
        const std::pair rank{here[model] == 0, need};
        if (best == models || rank > best_rank) {
          best = model;
          best_rank = rank;
        }
      }
      if (best == models) break;
      plan[device].push_back(needs[best].spec);
      left -= bytes_of(best);
      ++here[best];
      has[best] += devices[device].speed;
    }
  }
  return plan;
}

}  // namespace widepipe::schedule
