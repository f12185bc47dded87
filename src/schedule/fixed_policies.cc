#include "schedule/fixed_policies.h"

#include <algorithm>
#include <functional>

#include "schedule/bulk_rules.h"
#include "schedule/one_kind_policy.h"
#include "schedule/serving_plans.h"
#include "schedule/static_policy.h"

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

/// With a batch taking `caution` times what is expected of it.
bool in_time(const Offer& offer, std::uint32_t choice, int batch, double caution) {
  return offer.now + caution * (offer.end_of(choice, batch) - offer.now) <= offer.deadline;
}

class ClockworkPolicy final : public OneKindPolicy {
 public:
  explicit ClockworkPolicy(double caution) : caution_(caution) {}

  std::string_view name() const override { return "clockwork"; }

  std::optional<Choice> choose(const Offer& offer) override {
    return largest(offer, offer.costs->max_batch(), [&](std::uint32_t choice, int batch) {
      return in_time(offer, choice, batch, caution_);
    });
  }

 private:
  OperatingPoint point_of(ModelId /*model*/, const NetworkCosts& costs, Seconds /*slo*/,
                          double /*instance_bytes*/) const override {
    OperatingPoint all;
    for (std::uint32_t choice = 0; choice < costs.core_choices().size(); ++choice) {
      if (costs.core_choices()[choice] <= cores()) all = {choice, 1, costs.at(choice, 1).solo};
    }
    return all;
  }
  StreamRule rule_of(ModelId /*model*/, const OperatingPoint& /*point*/,
                     Seconds /*slo*/) const override {
    return {.full = 1, .hold = 0};
  }
  int largest_batch(ModelId /*model*/, const OperatingPoint& /*point*/, const NetworkCosts& costs,
                    Seconds /*slo*/) const override {
    return costs.max_batch();
  }

  const double caution_;
};

class NexusPolicy final : public OneKindPolicy {
 public:
  NexusPolicy(double slo_share, double stretch) : slo_share_(slo_share), stretch_(stretch) {}

  std::string_view name() const override { return "nexus"; }

  std::optional<Choice> choose(const Offer& offer) override {
    return largest(offer, offer.costs->max_batch(), [&](std::uint32_t choice, int batch) {
      return in_time(offer, choice, batch, 1);
    });
  }

 private:
  OperatingPoint point_of(ModelId /*model*/, const NetworkCosts& costs, Seconds slo,
                          double instance_bytes) const override {
    return cheapest_point(costs, cores(), slo_share_ * slo / stretch_, instance_bytes);
  }
  StreamRule rule_of(ModelId /*model*/, const OperatingPoint& point, Seconds slo) const override {
    return {.full = point.batch, .hold = (1 - slo_share_) * slo};
  }
  int largest_batch(ModelId /*model*/, const OperatingPoint& point, const NetworkCosts& /*costs*/,
                    Seconds /*slo*/) const override {
    return point.batch;
  }

  const double slo_share_;
  const double stretch_;
};

class AimdPolicy final : public OneKindPolicy {
 public:
  AimdPolicy(double slo_share, double caution) : slo_share_(slo_share), caution_(caution) {}

  std::string_view name() const override { return "aimd"; }

  std::optional<Choice> choose(const Offer& offer) override {
    sizes_.resize(std::max(sizes_.size(), std::size_t{offer.stream} + 1), 1.0);
    double& size = sizes_[offer.stream];
    const auto choice =
        largest(offer, static_cast<int>(size), [](std::uint32_t, int) { return true; });
    if (!choice || choice->batch < static_cast<int>(size)) return choice;
    const bool good = in_time(offer, choice->choice, choice->batch, caution_);
    size = std::clamp(good ? size + 1 : kBackOff * size, 1.0,
                      static_cast<double>(offer.costs->max_batch()));
    return choice;
  }

 private:
  static constexpr double kBackOff = 0.9;

  OperatingPoint point_of(ModelId /*model*/, const NetworkCosts& costs, Seconds slo,
                          double instance_bytes) const override {
    return cheapest_point(costs, cores(), slo_share_ * slo, instance_bytes);
  }
  StreamRule rule_of(ModelId /*model*/, const OperatingPoint& /*point*/,
                     Seconds /*slo*/) const override {
    return {.full = 1, .hold = 0};
  }
  int largest_batch(ModelId /*model*/, const OperatingPoint& point, const NetworkCosts& costs,
                    Seconds /*slo*/) const override {
    return std::min(2 * point.batch, costs.max_batch());
  }

  const double slo_share_;
  const double caution_;
  std::vector<double> sizes_;  ///< by stream
};

class BulkRequestPolicy final : public OneKindPolicy {
 public:
  std::string_view name() const override { return "bulk"; }

  std::optional<Choice> choose(const Offer& offer) override {
    auto choice = choose_most(offer);
    if (!choice) return choice;
    const int most = rules_.most_rows(offer.waiting);
    if (most < choice->batch) choice = {choice->choice, most, CloseReason::kTimeout};
    return choice;
  }

 private:
  void look_at(const Cluster& cluster) override { rules_ = BulkRules(cluster, kSteadyBatch); }
  OperatingPoint point_of(ModelId /*model*/, const NetworkCosts& costs, Seconds /*slo*/,
                          double /*instance_bytes*/) const override {
    return rules_.point_of(costs);
  }
  StreamRule rule_of(ModelId /*model*/, const OperatingPoint& /*point*/,
                     Seconds /*slo*/) const override {
    return {.full = 1, .hold = 0};
  }
  int largest_batch(ModelId /*model*/, const OperatingPoint& point, const NetworkCosts& /*costs*/,
                    Seconds /*slo*/) const override {
    return point.batch;
  }

  BulkRules rules_;
};

}  // namespace

std::unique_ptr<RequestPolicy> make_bulk_request_policy() {
  return std::make_unique<BulkRequestPolicy>();
}
std::unique_ptr<RequestPolicy> make_clockwork_policy(double caution) {
  return std::make_unique<ClockworkPolicy>(caution);
}
std::unique_ptr<RequestPolicy> make_nexus_policy(double slo_share, double stretch) {
  return std::make_unique<NexusPolicy>(slo_share, stretch);
}
std::unique_ptr<RequestPolicy> make_aimd_policy(double slo_share, double caution) {
  return std::make_unique<AimdPolicy>(slo_share, caution);
}

}  // namespace widepipe::schedule
