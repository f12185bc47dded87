#include "schedule/one_kind_policy.h"

namespace widepipe::schedule {

void OneKindPolicy::plan(const ServingObservation& seen, ServingPlan& plan) {
  if (points_.empty()) decide(*seen.cluster, plan);
  planner_.plan(seen, needs_of(seen), plan);
}

void OneKindPolicy::decide(const Cluster& cluster, ServingPlan& plan) {
  cores_ = most_cores(cluster);
  look_at(cluster);
  slo_ = tightest_slo(cluster);
  for (ModelId model = 0; model < cluster.models.size(); ++model) {
    points_.push_back(point_of(*cluster.models[model].costs, slo_[model]));
  }
  for (StreamId id = 0; id < cluster.streams.size(); ++id) {
    plan.rules[id] = rule_of(points_[cluster.streams[id].model], cluster.streams[id].slo);
    full_.push_back(plan.rules[id].full);
  }
}

std::vector<ModelNeed> OneKindPolicy::needs_of(const ServingObservation& seen) const {
  const std::vector<double> rates = model_rates(seen);
  std::vector<ModelNeed> needs;
  for (ModelId model = 0; model < rates.size(); ++model) {
    const OperatingPoint& point = points_[model];
    needs.push_back({rates[model] * point.solo / point.batch,
                     {model, point.choice,
                      largest_batch(point, *seen.cluster->models[model].costs, slo_[model])}});
  }
  return needs;
}

}  // namespace widepipe::schedule
