#include "schedule/greedy_policy.h"

#include <algorithm>
#include <limits>

#include "schedule/serving_plans.h"

namespace widepipe::schedule {
namespace {

class GreedyPolicy final : public RequestPolicy {
 public:
  explicit GreedyPolicy(const GreedySettings& settings) : settings_(settings) {}

  std::string_view name() const override { return "greedy"; }

  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    const Cluster& cluster = *seen.cluster;
    if (points_.empty()) set_rules(cluster, plan);
    const std::vector<ModelNeed> needs = needs_of(seen);
    if (!planned_for_.empty() && still_good(needs, seen)) return;
    plan.instances = spread(cluster, needs, seen.devices);
    planned_for_ = needs;
    ejected_ = ejected(seen);
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
    const Cluster& cluster = *seen.cluster;
    std::vector<double> rates(cluster.models.size(), 0);
    double all = 0;
    for (StreamId id = 0; id < seen.streams.size(); ++id) {
      rates[cluster.streams[id].model] += seen.streams[id].arrivals_per_second;
      all += seen.streams[id].arrivals_per_second;
    }
    std::vector<ModelNeed> needs;
    for (ModelId model = 0; model < rates.size(); ++model) {
      const NetworkCosts& costs = *cluster.models[model].costs;
      const OperatingPoint& point = points_[model];
      // Before anything is known, all are taken to be alike.
      const double rate = all > 0 ? rates[model] : 1;
      needs.push_back({rate * point.solo / point.batch,
                       {model, point.choice,
                        std::min(settings_.spare_batch * point.batch, costs.max_batch())}});
    }
    return needs;
  }

  static std::vector<bool> ejected(const ServingObservation& seen) {
    std::vector<bool> ejected;
    for (const DeviceState& device : seen.devices) ejected.push_back(device.ejected);
    return ejected;
  }

  /// No model needs a much larger share than when the plan was made.
  bool still_good(const std::vector<ModelNeed>& needs, const ServingObservation& seen) const {
    if (ejected(seen) != ejected_) return false;
    double before = 0;
    double now = 0;
    for (std::size_t model = 0; model < needs.size(); ++model) {
      before += planned_for_[model].busy;
      now += needs[model].busy;
    }
    if (now <= 0) return true;
    return std::all_of(needs.begin(), needs.end(),
                       [&, model = std::size_t{0}](const ModelNeed& need) mutable {
                         const double then = planned_for_[model++].busy;
                         return need.busy / now <= settings_.hysteresis * then / before + 0.01;
                       });
  }

  const GreedySettings settings_;
  int cores_ = 1;
  std::vector<OperatingPoint> points_;  ///< by model
  std::vector<int> full_;               ///< by stream
  std::vector<ModelNeed> planned_for_;
  std::vector<bool> ejected_;
};

}  // namespace

std::unique_ptr<RequestPolicy> make_greedy_policy(const GreedySettings& settings) {
  return std::make_unique<GreedyPolicy>(settings);
}

}  // namespace widepipe::schedule
