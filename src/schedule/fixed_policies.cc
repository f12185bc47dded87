#include "schedule/fixed_policies.h"

#include <algorithm>
#include <functional>

#include "schedule/one_kind_policy.h"

namespace widepipe::schedule {
namespace {

/// The largest batch, of those that an idle instance takes and that wait, for which `fits` holds;
/// on the fewest cores that allow it.
std::optional<Choice> largest(const Offer& offer, int limit,
                              const std::function<bool(std::uint32_t, int)>& fits) {
  Choice best;
  for (std::uint32_t choice = 0; choice < offer.idle.size(); ++choice) {
    const int most = std::min({offer.idle[choice], limit,
                               static_cast<int>(std::min<std::size_t>(offer.waiting, 1 << 20))});
    int batch = most;
    while (batch > 0 && !fits(choice, batch)) --batch;
    if (batch <= best.batch) continue;
    best = {choice, batch, batch < most ? CloseReason::kDeadline : CloseReason::kFull};
  }
  if (best.batch == 0) return std::nullopt;
  return best;
}

class ClockworkPolicy final : public OneKindPolicy {
 public:
  std::string_view name() const override { return "clockwork"; }

  std::optional<Choice> choose(const Offer& offer) override {
    return largest(offer, offer.costs->max_batch(), [&](std::uint32_t choice, int batch) {
      return offer.end_of(choice, batch) <= offer.deadline;
    });
  }

 private:
  OperatingPoint point_of(const NetworkCosts& costs, Seconds /*slo*/) const override {
    OperatingPoint all;
    for (std::uint32_t choice = 0; choice < costs.core_choices().size(); ++choice) {
      if (costs.core_choices()[choice] <= cores()) all = {choice, 1, costs.at(choice, 1).solo};
    }
    return all;
  }
  StreamRule rule_of(const OperatingPoint& /*point*/, Seconds /*slo*/) const override {
    return {.full = 1, .hold = 0};
  }
  int largest_batch(const OperatingPoint& /*point*/, const NetworkCosts& costs) const override {
    return costs.max_batch();
  }
};

class NexusPolicy final : public OneKindPolicy {
 public:
  std::string_view name() const override { return "nexus"; }

  std::optional<Choice> choose(const Offer& offer) override {
    return largest(offer, offer.costs->max_batch(), [&](std::uint32_t choice, int batch) {
      return offer.end_of(choice, batch) <= offer.deadline;
    });
  }

 private:
  /// What batches take with neighbours, as a multiple of what they take alone.
  static constexpr double kStretch = 1.5;

  OperatingPoint point_of(const NetworkCosts& costs, Seconds slo) const override {
    return cheapest_point(costs, cores(), slo / 2 / kStretch);
  }
  StreamRule rule_of(const OperatingPoint& point, Seconds slo) const override {
    return {.full = point.batch, .hold = slo / 2};
  }
  int largest_batch(const OperatingPoint& point, const NetworkCosts& /*costs*/) const override {
    return point.batch;
  }
};

class AimdPolicy final : public OneKindPolicy {
 public:
  std::string_view name() const override { return "aimd"; }

  std::optional<Choice> choose(const Offer& offer) override {
    sizes_.resize(std::max(sizes_.size(), std::size_t{offer.stream} + 1), 1.0);
    double& size = sizes_[offer.stream];
    const auto choice =
        largest(offer, static_cast<int>(size), [](std::uint32_t, int) { return true; });
    if (!choice || choice->batch < static_cast<int>(size)) return choice;
    const bool in_time = offer.end_of(choice->choice, choice->batch) <= offer.deadline;
    size = std::clamp(in_time ? size + 1 : kBackOff * size, 1.0,
                      static_cast<double>(offer.costs->max_batch()));
    return choice;
  }

 private:
  static constexpr double kBackOff = 0.9;

  OperatingPoint point_of(const NetworkCosts& costs, Seconds slo) const override {
    return cheapest_point(costs, cores(), slo / 2);
  }
  StreamRule rule_of(const OperatingPoint& /*point*/, Seconds /*slo*/) const override {
    return {.full = 1, .hold = 0};
  }
  int largest_batch(const OperatingPoint& point, const NetworkCosts& costs) const override {
    return std::min(2 * point.batch, costs.max_batch());
  }

  std::vector<double> sizes_;  ///< by stream
};

}  // namespace

std::unique_ptr<RequestPolicy> make_clockwork_policy() {
  return std::make_unique<ClockworkPolicy>();
}
std::unique_ptr<RequestPolicy> make_nexus_policy() { return std::make_unique<NexusPolicy>(); }
std::unique_ptr<RequestPolicy> make_aimd_policy() { return std::make_unique<AimdPolicy>(); }

}  // namespace widepipe::schedule
