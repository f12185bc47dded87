#include "schedule/one_kind_policy.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace widepipe::schedule {

void OneKindPolicy::plan(const ServingObservation& seen, ServingPlan& plan) {
  if (points_.empty()) decide(*seen.cluster, plan);
  const std::vector<ModelNeed> needs = needs_of(seen);
  if (std::exchange(placed_, true)) {
    rebalance(*seen.cluster, needs, seen.devices, hysteresis_, plan.instances);
  } else {
    plan.instances = spread(*seen.cluster, needs, seen.devices);
  }
}

void OneKindPolicy::decide(const Cluster& cluster, ServingPlan& plan) {
  cores_ = most_cores(cluster);
  look_at(cluster);
  choose_points(cluster);
  for (StreamId id = 0; id < cluster.streams.size(); ++id) {
    plan.rules[id] = rule_of(points_[cluster.streams[id].model], cluster.streams[id].slo);
    full_.push_back(plan.rules[id].full);
  }
}

/// With batches as large as leaves each model room: one of each, in a part of what is left of all
/// memory beside instances for batches of one.
void OneKindPolicy::choose_points(const Cluster& cluster) {
  constexpr double kPart = 0.5;
  constexpr double kFew = 4;  // instances, at least, of a device where not all models have room
  constexpr int kSteps = 20;
  double memory = 0;
  double exceeds = std::numeric_limits<double>::infinity();
  for (const ServingDevice& device : cluster.devices) {
    memory += device.memory;
    exceeds = std::min(exceeds, device.memory);
  }
  double least = 0;
  for (const ServedModel& model : cluster.models) least += model.costs->instance_bytes(1);
  if (least >= memory) {
    points_with(cluster, exceeds / kFew);
    return;
  }
  const double room = least + kPart * (memory - least);
  double fits = 0;
  if (points_with(cluster, exceeds) <= room) return;
  for (int step = 0; step < kSteps; ++step) {
    const double middle = (fits + exceeds) / 2;
    (points_with(cluster, middle) <= room ? fits : exceeds) = middle;
  }
  points_with(cluster, fits);
}

/// Takes points and largest batches for which instances have at most so many bytes, if there are
/// such; gives the bytes of an instance of each model.
double OneKindPolicy::points_with(const Cluster& cluster, double instance_bytes) {
  const std::vector<Seconds> slo = tightest_slo(cluster);
  points_.clear();
  largest_.clear();
  double all = 0;
  for (ModelId model = 0; model < cluster.models.size(); ++model) {
    const NetworkCosts& costs = *cluster.models[model].costs;
    const OperatingPoint point = point_of(costs, slo[model], instance_bytes);
    int batch = largest_batch(point, costs, slo[model]);
    while (batch > point.batch && costs.instance_bytes(batch) > instance_bytes) --batch;
    points_.push_back(point);
    largest_.push_back(batch);
    all += costs.instance_bytes(batch);
  }
  return all;
}

std::vector<ModelNeed> OneKindPolicy::needs_of(const ServingObservation& seen) const {
  const std::vector<double> rates = model_rates(seen);
  std::vector<ModelNeed> needs;
  for (ModelId model = 0; model < rates.size(); ++model) {
    const OperatingPoint& point = points_[model];
    needs.push_back(
        {rates[model] * point.solo / point.batch, {model, point.choice, largest_[model]}});
  }
  std::vector<bool> open(needs.size(), false);
  for (StreamId id = 0; id < seen.streams.size(); ++id) {
    const RequestStream& stream = seen.cluster->streams[id];
    if (stream.rows == 0 || seen.streams[id].waiting > 0) open[stream.model] = true;
  }
  for (ModelId model = 0; model < needs.size(); ++model) needs[model].over = !open[model];
  return needs;
}

}  // namespace widepipe::schedule
