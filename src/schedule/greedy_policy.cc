#include "schedule/greedy_policy.h"

#include <algorithm>
#include <cmath>

#include "schedule/bulk_rules.h"
#include "schedule/one_kind_policy.h"
#include "schedule/serving_plans.h"

namespace widepipe::schedule {
namespace {

class GreedyPolicy final : public OneKindPolicy {
 public:
  explicit GreedyPolicy(const GreedySettings& settings)
      : OneKindPolicy(settings.hysteresis), settings_(settings) {}

  std::string_view name() const override { return "greedy"; }

  std::optional<Choice> choose(const Offer& offer) override {
    Choice best;
    double most_worth = 0;
    for (std::uint32_t choice = 0; choice < offer.idle.size(); ++choice) {
      const int most = static_cast<int>(
          std::min<std::size_t>(static_cast<std::size_t>(offer.idle[choice]), offer.waiting));
      // More than the plan's batch only where devices are short: else another may take the rest.
      int limit = offer.scarce ? most : std::min(most, full(offer.stream));
      if (std::isinf(offer.deadline)) limit = std::min(limit, bulk_.most_rows(offer.waiting));
      int batch = limit;
      while (batch > 0 && offer.end_of(choice, batch) > offer.deadline) batch -= 1 + batch / 8;
      Choice here{choice, std::max(batch, 0), CloseReason::kDeadline};
      if (batch < limit && offer.scarce) here = without_the_first(offer, here, limit);
      if (here.batch <= 0) continue;
      if (here.batch >= limit) {
        here.reason = here.batch == offer.idle[choice] || here.batch >= full(offer.stream)
                          ? CloseReason::kFull
                          : CloseReason::kTimeout;
      }
      const double here_worth = worth(offer, here);
      if (here_worth <= most_worth) continue;
      most_worth = here_worth;
      best = here;
    }
    if (best.batch == 0) return std::nullopt;
    return best;
  }

 private:
  /// What a choice serves, less what it gives up, for its cost.
  double worth(const Offer& offer, const Choice& choice) const {
    return (choice.batch - settings_.sacrifice * choice.give_up) /
           (choice.batch * cost_per_request(*offer.costs, choice.choice, choice.batch, cores()));
  }

  /// The choice, or one that gives up requests for a larger batch, if it is worth more.
  Choice without_the_first(const Offer& offer, const Choice& choice, int limit) const {
    Choice best = choice;
    double most = choice.batch > 0 ? worth(offer, choice) : 0;
    int batch = choice.batch;
    Seconds end_of_more = offer.end_of(choice.choice, batch + 1);
    const int waiting = static_cast<int>(std::min<std::size_t>(offer.waiting, 1 << 20));
    for (int given_up = 1; settings_.sacrifice * given_up < limit; ++given_up) {
      const int there = std::min(limit, waiting - given_up);
      if (there <= batch) break;
      const Seconds deadline = offer.deadline_of(static_cast<std::size_t>(given_up));
      if (end_of_more > deadline) continue;
      do {
        ++batch;
        if (batch < limit) end_of_more = offer.end_of(choice.choice, batch + 1);
      } while (batch < there && end_of_more <= deadline);
      Choice here = choice;
      here.batch = batch;
      here.give_up = given_up;
      const double now = worth(offer, here);
      if (now <= most) continue;
      most = now;
      best = here;
    }
    return best;
  }

  OperatingPoint point_of(const NetworkCosts& costs, Seconds slo,
                          double instance_bytes) const override {
    if (std::isinf(slo)) return bulk_.point_of(costs);
    return cheapest_point(costs, cores(), settings_.budget * slo, instance_bytes);
  }
  StreamRule rule_of(const OperatingPoint& point, Seconds slo) const override {
    return {.full = point.batch,
            .hold = std::max(slo - settings_.stretch * point.solo, 0.0),
            .idle_share = settings_.idle_share};
  }
  int largest_batch(const OperatingPoint& point, const NetworkCosts& costs,
                    Seconds slo) const override {
    if (std::isinf(slo)) return point.batch;
    return std::min(settings_.spare_batch * point.batch, costs.max_batch());
  }

  void look_at(const Cluster& cluster) override { bulk_ = BulkRules(cluster); }

  const GreedySettings settings_;
  BulkRules bulk_;  ///< without deadlines
};

}  // namespace

std::unique_ptr<RequestPolicy> make_greedy_policy(const GreedySettings& settings) {
  return std::make_unique<GreedyPolicy>(settings);
}

}  // namespace widepipe::schedule
