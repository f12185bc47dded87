#include "schedule/greedy_policy.h"

#include <algorithm>
#include <limits>

#include "schedule/one_kind_policy.h"

namespace widepipe::schedule {
namespace {

class GreedyPolicy final : public OneKindPolicy {
 public:
  explicit GreedyPolicy(const GreedySettings& settings)
      : OneKindPolicy(settings.hysteresis), settings_(settings) {}

  std::string_view name() const override { return "greedy"; }

  std::optional<Choice> choose(const Offer& offer) override {
    Choice best;
    double least = std::numeric_limits<double>::infinity();
    for (std::uint32_t choice = 0; choice < offer.idle.size(); ++choice) {
      const int most = static_cast<int>(
          std::min<std::size_t>(static_cast<std::size_t>(offer.idle[choice]), offer.waiting));
      // More than the plan's batch only where devices are short: else another may take the rest.
      const int limit = offer.scarce ? most : std::min(most, full(offer.stream));
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
      const double cost = cost_per_request(*offer.costs, choice, here.batch, cores());
      if (cost >= least) continue;
      least = cost;
      best = here;
    }
    if (best.batch == 0) return std::nullopt;
    return best;
  }

 private:
  /// The choice, or one that gives up requests for a larger batch, if it serves more for its cost.
  Choice without_the_first(const Offer& offer, const Choice& choice, int limit) const {
    const auto worth = [&](int batch, int given_up) {
      return (batch - settings_.sacrifice * given_up) /
             (batch * cost_per_request(*offer.costs, choice.choice, batch, cores()));
    };
    Choice best = choice;
    double most = choice.batch > 0 ? worth(choice.batch, 0) : 0;
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
      const double now = worth(batch, given_up);
      if (now <= most) continue;
      most = now;
      best.batch = batch;
      best.give_up = given_up;
    }
    return best;
  }

  OperatingPoint point_of(const NetworkCosts& costs, Seconds slo) const override {
    return cheapest_point(costs, cores(), settings_.budget * slo);
  }
  StreamRule rule_of(const OperatingPoint& point, Seconds slo) const override {
    return {.full = point.batch, .hold = std::max(slo - settings_.stretch * point.solo, 0.0)};
  }
  int largest_batch(const OperatingPoint& point, const NetworkCosts& costs) const override {
    return std::min(settings_.spare_batch * point.batch, costs.max_batch());
  }

  const GreedySettings settings_;
};

}  // namespace

std::unique_ptr<RequestPolicy> make_greedy_policy(const GreedySettings& settings) {
  return std::make_unique<GreedyPolicy>(settings);
}

}  // namespace widepipe::schedule
