#include "schedule/greedy_policy.h"

#include <algorithm>
#include <limits>

#include "schedule/serving_plans.h"

namespace widepipe::schedule {
namespace {

class GreedyPolicy final : public RequestPolicy {
 public:
  explicit GreedyPolicy(const GreedySettings& settings)
      : settings_(settings), planner_(settings.hysteresis) {}

  std::string_view name() const override { return "greedy"; }

  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    const Cluster& cluster = *seen.cluster;
    if (points_.empty()) set_rules(cluster, plan);
    planner_.plan(seen, needs_of(seen), plan);
  }

  std::optional<Choice> choose(const Offer& offer) override {
    const int cores = cores_;
    Choice best;
    double least = std::numeric_limits<double>::infinity();
    for (std::uint32_t choice = 0; choice < offer.idle.size(); ++choice) {
      const int most = static_cast<int>(
          std::min<std::size_t>(static_cast<std::size_t>(offer.idle[choice]), offer.waiting));
      // More than the plan's batch only where devices are short: else another may take the rest.
      const int limit = offer.scarce ? most : std::min(most, full_[offer.stream]);
      int batch = limit;
      while (batch > 0 && offer.end_of(choice, batch) > offer.deadline) batch -= 1 + batch / 8;
      if (batch <= 0) continue;
      const double cost = cost_per_request(*offer.costs, choice, batch, cores);
      if (cost >= least) continue;
      least = cost;
      const CloseReason reason = batch < limit ? CloseReason::kDeadline
                                 : batch == offer.idle[choice] || batch >= full_[offer.stream]
                                     ? CloseReason::kFull
                                     : CloseReason::kTimeout;
      best = {choice, batch, reason};
    }
    if (best.batch == 0) return std::nullopt;
    return best;
  }

 private:
  void set_rules(const Cluster& cluster, ServingPlan& plan) {
    for (const ServingDevice& device : cluster.devices) cores_ = std::max(cores_, device.cores);
    points_.resize(cluster.models.size());
    std::vector<Seconds> tightest(cluster.models.size(), std::numeric_limits<Seconds>::infinity());
    for (const RequestStream& stream : cluster.streams) {
      tightest[stream.model] = std::min(tightest[stream.model], stream.slo);
    }
    for (std::size_t model = 0; model < points_.size(); ++model) {
      points_[model] =
          cheapest_point(*cluster.models[model].costs, cores_, settings_.budget * tightest[model]);
    }
    for (StreamId id = 0; id < cluster.streams.size(); ++id) {
      const RequestStream& stream = cluster.streams[id];
      const OperatingPoint& point = points_[stream.model];
      full_.push_back(point.batch);
      plan.rules[id] = {.full = point.batch,
                        .hold = std::max(stream.slo - settings_.stretch * point.solo, 0.0)};
    }
  }

  std::vector<ModelNeed> needs_of(const ServingObservation& seen) const {
    const std::vector<double> rates = model_rates(seen);
    std::vector<ModelNeed> needs;
    for (ModelId model = 0; model < rates.size(); ++model) {
      const NetworkCosts& costs = *seen.cluster->models[model].costs;
      const OperatingPoint& point = points_[model];
      needs.push_back({rates[model] * point.solo / point.batch,
                       {model, point.choice,
                        std::min(settings_.spare_batch * point.batch, costs.max_batch())}});
    }
    return needs;
  }

  const GreedySettings settings_;
  int cores_ = 1;
  std::vector<OperatingPoint> points_;  ///< by model
  std::vector<int> full_;               ///< by stream
  StickyPlanner planner_;
};

}  // namespace

std::unique_ptr<RequestPolicy> make_greedy_policy(const GreedySettings& settings) {
  return std::make_unique<GreedyPolicy>(settings);
}

}  // namespace widepipe::schedule
