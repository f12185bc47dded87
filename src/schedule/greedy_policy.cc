#include "schedule/greedy_policy.h"

#include <algorithm>
#include <cmath>

namespace widepipe::schedule {

GreedyPolicy::GreedyPolicy(const GreedySettings& settings)
    : OneKindPolicy(settings.hysteresis),
      shared_{.sacrifice = settings.sacrifice, .idle_share = settings.idle_share},
      usual_{.budget = settings.budget,
             .stretch = settings.stretch,
             .spare_batch = settings.spare_batch},
      usual_shared_(shared_) {}

void GreedyPolicy::look_at(const Cluster& cluster) {
  bulk_ = BulkRules(cluster);
  dials_.assign(cluster.models.size(), usual_);
  for (const RequestStream& stream : cluster.streams) model_of_.push_back(stream.model);
}

Seconds GreedyPolicy::end_of(const Offer& offer, std::uint32_t choice, int batch) const {
  return offer.now + shared_.caution * offer.takes(choice, batch);
}

std::optional<Choice> GreedyPolicy::choose(const Offer& offer) {
  Choice best;
  double most_worth = 0;
  for (std::uint32_t choice = 0; choice < offer.idle.size(); ++choice) {
    const int most = static_cast<int>(
        std::min<std::size_t>(static_cast<std::size_t>(offer.idle[choice]), offer.waiting));
    // More than the plan's batch only where devices are short: else another may take the rest.
    int limit = offer.scarce ? most : std::min(most, full(offer.stream));
    if (std::isinf(offer.deadline)) limit = std::min(limit, bulk_.most_rows(offer.waiting));
    int batch = limit;
    while (batch > 0 && end_of(offer, choice, batch) > offer.deadline) batch -= 1 + batch / 8;
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

/// What a choice serves, less what it gives up, for its cost.
double GreedyPolicy::worth(const Offer& offer, const Choice& choice) const {
  const double cores_count = dials_[model_of_[offer.stream]].cores_count;
  return (choice.batch - shared_.sacrifice * choice.give_up) /
         (choice.batch *
          cost_per_request(*offer.costs, choice.choice, choice.batch, cores(), cores_count));
}

/// The choice, or one that gives up requests for a larger batch, if it is worth more.
Choice GreedyPolicy::without_the_first(const Offer& offer, const Choice& choice, int limit) const {
  Choice best = choice;
  double most = choice.batch > 0 ? worth(offer, choice) : 0;
  int batch = choice.batch;
  Seconds end_of_more = end_of(offer, choice.choice, batch + 1);
  const int waiting = static_cast<int>(std::min<std::size_t>(offer.waiting, 1 << 20));
  for (int given_up = 1; shared_.sacrifice * given_up < limit; ++given_up) {
    const int there = std::min(limit, waiting - given_up);
    if (there <= batch) break;
    const Seconds deadline = offer.deadline_of(static_cast<std::size_t>(given_up));
    if (end_of_more > deadline) continue;
    do {
      ++batch;
      if (batch < limit) end_of_more = end_of(offer, choice.choice, batch + 1);
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

OperatingPoint GreedyPolicy::point_of(ModelId model, const NetworkCosts& costs, Seconds slo,
                                      double instance_bytes) const {
  if (std::isinf(slo)) return bulk_.point_of(costs);
  const Dials& dials = dials_[model];
  return cheapest_point(costs, cores(), dials.budget * slo, instance_bytes, dials.cores_count);
}

StreamRule GreedyPolicy::rule_of(ModelId model, const OperatingPoint& point, Seconds slo) const {
  return {.full = point.batch,
          .hold = std::max(slo - dials_[model].stretch * point.solo, 0.0),
          .idle_share = shared_.idle_share};
}

int GreedyPolicy::largest_batch(ModelId model, const OperatingPoint& point,
                                const NetworkCosts& costs, Seconds slo) const {
  if (std::isinf(slo)) return point.batch;
  const auto largest = static_cast<int>(dials_[model].spare_batch * point.batch);
  return std::clamp(largest, point.batch, costs.max_batch());
}

std::unique_ptr<RequestPolicy> make_greedy_policy(const GreedySettings& settings) {
  return std::make_unique<GreedyPolicy>(settings);
}

}  // namespace widepipe::schedule
