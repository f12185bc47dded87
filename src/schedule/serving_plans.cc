#include "schedule/serving_plans.h"

#include <algorithm>
#include <limits>

namespace widepipe::schedule {

double cost_per_request(const NetworkCosts& costs, std::uint32_t choice, int batch, int cores,
                        double cores_count) {
  const NetworkCosts::Cell& cell = costs.at(choice, batch);
  const double of_cores = static_cast<double>(costs.core_choices()[choice]) / cores;
  return cell.solo * (cores_count * of_cores + (1 - cores_count) * cell.demand) / batch;
}

std::optional<OperatingPoint> cheapest_on(const NetworkCosts& costs, std::uint32_t choice,
                                          int cores, Seconds limit, double instance_bytes,
                                          double cores_count) {
  std::optional<OperatingPoint> best;
  double least = std::numeric_limits<double>::infinity();
  for (int batch = 1; batch <= costs.max_batch(); ++batch) {
    const Seconds solo = costs.at(choice, batch).solo;
    if (solo > limit || costs.instance_bytes(batch) > instance_bytes) break;
    const double cost = cost_per_request(costs, choice, batch, cores, cores_count);
    if (cost >= least) continue;
    least = cost;
    best = {choice, batch, solo};
  }
  return best;
}

OperatingPoint cheapest_point(const NetworkCosts& costs, int cores, Seconds limit,
                              double instance_bytes, double cores_count) {
  std::optional<OperatingPoint> best;
  double least = std::numeric_limits<double>::infinity();
  OperatingPoint quickest{0, 1, costs.at(0, 1).solo};
  for (std::uint32_t choice = 0; choice < costs.core_choices().size(); ++choice) {
    if (costs.core_choices()[choice] > cores) break;
    const Seconds alone = costs.at(choice, 1).solo;
    if (alone < quickest.solo) quickest = {choice, 1, alone};
    const auto here = cheapest_on(costs, choice, cores, limit, instance_bytes, cores_count);
    if (!here) continue;
    const double cost = cost_per_request(costs, choice, here->batch, cores, cores_count);
    if (cost >= least) continue;
    least = cost;
    best = here;
  }
  return best.value_or(quickest);
}

OperatingPoint no_larger_than_pays(const NetworkCosts& costs, const OperatingPoint& point,
                                   int cores, double cores_count, double pays, int least) {
  const auto cost = [&](int batch) {
    return cost_per_request(costs, point.choice, batch, cores, cores_count);
  };
  double cheapest = cost(point.batch);
  for (int batch = least; batch < point.batch; ++batch) cheapest = std::min(cheapest, cost(batch));
  int batch = least;
  while (batch < point.batch && cost(batch) > (1 + pays) * cheapest) ++batch;
  return {point.choice, batch, costs.at(point.choice, batch).solo};
}

int most_cores(const Cluster& cluster) {
  int cores = 1;
  for (const ServingDevice& device : cluster.devices) cores = std::max(cores, device.cores);
  return cores;
}

double most_memory(const Cluster& cluster) {
  double memory = 0;
  for (const ServingDevice& device : cluster.devices) memory = std::max(memory, device.memory);
  return memory;
}

OperatingPoint largest_point(const NetworkCosts& costs, int cores, double instance_bytes) {
  const auto all = static_cast<std::uint32_t>(costs.core_choices().size() - 1);
  const InstanceSpec spec = fitted({0, all, 1}, costs, cores);
  int batch = costs.max_batch();
  while (batch > 1 && costs.instance_bytes(batch) > instance_bytes) --batch;
  return {spec.choice, batch, costs.at(spec.choice, batch).solo};
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

InstanceSpec fitted_to(InstanceSpec spec, const NetworkCosts& costs, const ServingDevice& device) {
  spec = fitted(spec, costs, device.cores);
  while (spec.max_batch > 1 && costs.instance_bytes(spec.max_batch) > device.memory) {
    --spec.max_batch;
  }
  return spec;
}

bool most_have_less_than(double bytes, const Cluster& cluster) {
  const auto small =
      std::count_if(cluster.devices.begin(), cluster.devices.end(),
                    [bytes](const ServingDevice& device) { return device.memory < bytes; });
  return 2 * small > std::ssize(cluster.devices);
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

}  // namespace widepipe::schedule
