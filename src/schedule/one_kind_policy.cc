#include "schedule/one_kind_policy.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace widepipe::schedule {
namespace {

/// Of an SLO: for so long requests gather, if only because instances are busy.
constexpr double kGather = 0.5;

}  // namespace

void OneKindPolicy::plan(const ServingObservation& seen, ServingPlan& plan) {
  const bool first = points_.empty();
  if (first) {
    cores_ = most_cores(*seen.cluster);
    look_at(*seen.cluster);
  }
  if (adapt(seen) || first) decide(*seen.cluster, plan);
  packed_ = !ways_.empty();
  if (packed_) {
    plan_packed(seen, plan);
    return;
  }
  const std::vector<ModelNeed> needs = needs_of(seen);
  if (std::exchange(placed_, true)) {
    rebalance(*seen.cluster, needs, seen.devices, packing_.hysteresis, plan.instances);
  } else {
    plan.instances = spread(*seen.cluster, needs, seen.devices);
  }
}

void OneKindPolicy::decide(const Cluster& cluster, ServingPlan& plan) {
  choose_points(cluster);
  full_.resize(cluster.streams.size());
  set_rules(cluster, plan);
}

void OneKindPolicy::set_rules(const Cluster& cluster, ServingPlan& plan) {
  for (StreamId id = 0; id < cluster.streams.size(); ++id) {
    const RequestStream& stream = cluster.streams[id];
    plan.rules[id] = rule_of(stream.model, points_[stream.model], stream.slo);
    full_[id] = plan.rules[id].full;
  }
}

/// Instances as large as is best, if most devices have room for one of each model; else as packing
/// asks.
void OneKindPolicy::choose_points(const Cluster& cluster) {
  ways_.clear();
  double memory = std::numeric_limits<double>::infinity();
  for (const ServingDevice& device : cluster.devices) memory = std::min(memory, device.memory);
  const double one_of_each = points_with(cluster, memory);
  const bool requests = std::none_of(cluster.streams.begin(), cluster.streams.end(),
                                     [](const RequestStream& stream) { return stream.rows > 0; });
  if (requests && most_have_less_than(one_of_each, cluster)) find_ways(cluster);
}

/// Takes points and largest batches for which instances have at most so many bytes, if there are
/// such; gives the bytes of an instance of each model.
double OneKindPolicy::points_with(const Cluster& cluster, double instance_bytes) {
  const std::vector<Seconds> slo = tightest_slo(cluster);
  std::vector<OperatingPoint> points;
  largest_.clear();
  double all = 0;
  for (ModelId model = 0; model < cluster.models.size(); ++model) {
    const NetworkCosts& costs = *cluster.models[model].costs;
    const OperatingPoint point = point_of(model, costs, slo[model], instance_bytes);
    int batch = largest_batch(model, point, costs, slo[model]);
    while (batch > point.batch && costs.instance_bytes(batch) > instance_bytes) --batch;
    points.push_back(point);
    largest_.push_back(batch);
    all += costs.instance_bytes(batch);
  }
  points_ = std::move(points);
  return all;
}

void OneKindPolicy::find_ways(const Cluster& cluster) {
  const std::vector<Seconds> slo = tightest_slo(cluster);
  for (ModelId model = 0; model < cluster.models.size(); ++model) {
    const NetworkCosts& costs = *cluster.models[model].costs;
    ways_.push_back(ways_by_size(costs, most_memory(cluster), [&](double bytes, int limit) {
      const OperatingPoint point = point_of(model, costs, slo[model], bytes);
      const int largest = std::min(largest_batch(model, point, costs, slo[model]), limit);
      ModelWay way{.point = point, .largest = std::max(largest, point.batch)};
      // Who holds nothing back runs what has gathered, as much as an instance takes.
      const bool holds = rule_of(model, point, slo[model]).hold > 0;
      way.usual = holds ? point.batch : way.largest;
      return way;
    }));
  }
}

void OneKindPolicy::plan_packed(const ServingObservation& seen, ServingPlan& plan) {
  const Cluster& cluster = *seen.cluster;
  const std::vector<Seconds> slo = tightest_slo(cluster);
  std::vector<double> rates = model_rates(seen);
  if (std::none_of(seen.streams.begin(), seen.streams.end(),
                   [](const StreamState& stream) { return stream.arrivals_per_second > 0; })) {
    std::vector<ModelWay> smallest;
    for (const std::vector<ModelWay>& ways : ways_) smallest.push_back(ways.front());
    rates = moderate_rates(cluster, std::move(rates), smallest);
  }
  std::vector<ModelDemand> demands;
  for (ModelId model = 0; model < rates.size(); ++model) {
    const Seconds hold = rule_of(model, ways_[model].front().point, slo[model]).hold;
    demands.push_back(
        {wanted(model) * rates[model], std::max(hold, kGather * slo[model]), ways_[model]});
  }
  const std::vector<ModelWay> chosen = choose_ways(cluster, seen.devices, demands, packing_);
  std::vector<PackedModel> models;
  for (ModelId model = 0; model < rates.size(); ++model) {
    models.push_back({wanted(model) * rates[model], chosen[model]});
    points_[model] = chosen[model].point;
  }
  set_rules(cluster, plan);
  if (!std::exchange(placed_, true)) plan.instances.clear();
  pack(cluster, models, seen.devices, packing_, plan.instances);
}

std::vector<ModelNeed> OneKindPolicy::needs_of(const ServingObservation& seen) const {
  const std::vector<double> rates = model_rates(seen);
  std::vector<ModelNeed> needs;
  for (ModelId model = 0; model < rates.size(); ++model) {
    const OperatingPoint& point = points_[model];
    needs.push_back({wanted(model) * rates[model] * point.solo / point.batch,
                     {model, point.choice, largest_[model]}});
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
