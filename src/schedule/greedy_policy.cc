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
      if (batch <= 0) continue;
      const double cost = cost_per_request(*offer.costs, choice, batch, cores());
      if (cost >= least) continue;
      least = cost;
      const CloseReason reason = batch < limit ? CloseReason::kDeadline
                                 : batch == offer.idle[choice] || batch >= full(offer.stream)
                                     ? CloseReason::kFull
                                     : CloseReason::kTimeout;
      best = {choice, batch, reason};
    }
    if (best.batch == 0) return std::nullopt;
    return best;
  }

 private:
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
