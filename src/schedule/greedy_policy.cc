#include "schedule/greedy_policy.h"

#include <algorithm>
#include <cmath>
#include <ranges>
#include <utility>

namespace widepipe::schedule {
namespace {

/// Devices at least so fast, beside the usual ones, decide which requests are too old for all.
constexpr double kFastEnough = 0.9;

}  // namespace

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
  shortage_.resize(cluster.streams.size());
}

bool GreedyPolicy::adapt(const ServingObservation& seen) {
  std::vector<double> speeds;
  for (const DeviceState& device : seen.devices) {
    if (!device.ejected) speeds.push_back(device.speed);
  }
  if (speeds.empty()) return false;
  const auto middle = speeds.begin() + static_cast<std::ptrdiff_t>(speeds.size() / 2);
  std::ranges::nth_element(speeds, middle);
  usual_speed_ = *middle;
  return false;
}

Seconds GreedyPolicy::end_of(const Offer& offer, std::uint32_t choice, int batch) const {
  const Dials& dials = dials_[model_of_[offer.stream]];
  return offer.now + dials.caution * offer.takes(choice, batch, dials.drift);
}

std::optional<Choice> GreedyPolicy::choose(const Offer& offer) {
  Choice best;
  double most_worth = 0;
  follow_shortage(offer);
  const int whole = full(offer.stream);
  const double sacrifice =
      strict(offer) ? 0 : shared_.sacrifice / static_cast<double>(offer.resting);
  for (std::uint32_t choice = 0; choice < offer.idle.size(); ++choice) {
    const int most = static_cast<int>(
        std::min<std::size_t>(static_cast<std::size_t>(offer.idle[choice]), offer.waiting));
    // More than the plan's batch only where devices are short: else another may take the rest.
    int limit = offer.scarce ? most : std::min(most, whole);
    if (std::isinf(offer.deadline)) limit = std::min(limit, bulk_.most_rows(offer.waiting));
    int batch = limit;
    while (batch > 0 && end_of(offer, choice, batch) > offer.deadline) batch -= 1 + batch / 8;
    Choice here{choice, std::max(batch, 0), CloseReason::kDeadline};
    if (batch < limit && offer.scarce) here = without_the_first(offer, here, limit, sacrifice);
    if (here.batch <= 0) continue;
    if (here.batch >= limit) {
      here.reason = here.batch == offer.idle[choice] || here.batch >= whole ? CloseReason::kFull
                                                                            : CloseReason::kTimeout;
    }
    const double here_worth = worth(offer, here, sacrifice);
    if (here_worth <= most_worth) continue;
    most_worth = here_worth;
    best = here;
  }
  if (best.batch == 0) return std::nullopt;
  count_loss(offer, best);
  return best;
}

/// Slow devices would give up what others can answer.
bool GreedyPolicy::fast(const Offer& offer) const {
  return offer.speed >= kFastEnough * usual_speed_;
}

void GreedyPolicy::follow_shortage(const Offer& offer) {
  Shortage& shortage = shortage_[offer.stream];
  if (!offer.scarce || shortage.number != offer.shortage) {
    shortage = {.expired = offer.expired, .number = offer.shortage};
  }
  shortage.lost += static_cast<double>(offer.expired - shortage.expired);
  shortage.expired = offer.expired;
}

/// Once small batches, and what expires, have lost as much as the first requests that are too old
/// for a full batch, what makes batches small is no longer worth keeping.
void GreedyPolicy::count_loss(const Offer& offer, const Choice& choice) {
  Shortage& shortage = shortage_[offer.stream];
  const int whole = full(offer.stream);
  if (!offer.scarce || shortage.strict || choice.batch >= whole || !fast(offer)) return;
  if (std::isinf(offer.deadline) || offer.idle[choice.choice] < whole) return;
  const ModelId model = model_of_[offer.stream];
  const auto cost = [&](int batch) {
    return cost_per_request(*offer.costs, choice.choice, batch, cores(), dials_[model].cores_count);
  };
  shortage.lost += choice.batch * std::max(cost(choice.batch) / cost(whole) - 1, 0.0);
  const auto lost = static_cast<std::size_t>(shortage.lost);
  if (lost + static_cast<std::size_t>(whole) > offer.waiting) return;
  shortage.strict = offer.deadline_of(lost) >= end_of(offer, choice.choice, whole);
}

/// What a choice serves, less `sacrifice` for each request that it gives up, for its cost.
double GreedyPolicy::worth(const Offer& offer, const Choice& choice, double sacrifice) const {
  const double cores_count = dials_[model_of_[offer.stream]].cores_count;
  return (choice.batch - sacrifice * choice.give_up) /
         (choice.batch *
          cost_per_request(*offer.costs, choice.choice, choice.batch, cores(), cores_count));
}

/// The choice, or one that gives up requests for a larger batch, if it is worth more.
Choice GreedyPolicy::without_the_first(const Offer& offer, const Choice& choice, int limit,
                                       double sacrifice) const {
  Choice best = choice;
  double most = choice.batch > 0 ? worth(offer, choice, sacrifice) : 0;
  // Beyond that, what is given up is worth more than the batch.
  const double bound = std::ceil(limit / sacrifice);
  int given_up = 1;
  for (int batch = choice.batch + 1; batch <= limit; ++batch) {
    const double others = static_cast<double>(offer.waiting) - batch + 1;
    const auto end_of_places = static_cast<int>(std::min(bound, others));
    if (end_of_places <= given_up) break;
    const auto places = std::views::iota(given_up, end_of_places);
    const Seconds end = end_of(offer, choice.choice, batch);
    const auto in_time = std::ranges::partition_point(places, [&](int place) {
      return offer.deadline_of(static_cast<std::size_t>(place)) < end;
    });
    if (in_time == places.end()) break;
    given_up = *in_time;
    Choice here = choice;
    here.batch = batch;
    here.give_up = given_up;
    const double now = worth(offer, here, sacrifice);
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
  const OperatingPoint cheapest =
      cheapest_point(costs, cores(), dials.budget * slo, instance_bytes, dials.cores_count);
  return no_larger_than_pays(costs, cheapest, cores(), dials.cores_count, dials.pays);
}

StreamRule GreedyPolicy::rule_of(ModelId model, const OperatingPoint& point, Seconds slo) const {
  return {.full = point.batch,
          .hold = std::max(slo - dials_[model].stretch * point.solo, 0.0),
          .idle_share = shared_.idle_share,
          .lead = std::isinf(slo) ? 0 : dials_[model].lead * slo,
          .slow = std::isinf(slo) ? 0 : dials_[model].slow};
}

int GreedyPolicy::largest_batch(ModelId model, const OperatingPoint& point,
                                const NetworkCosts& costs, Seconds slo) const {
  if (std::isinf(slo)) return point.batch;
  const Dials& dials = dials_[model];
  const auto most = static_cast<int>(dials.spare_batch * point.batch);
  OperatingPoint largest = point;
  largest.batch = std::clamp(most, point.batch, costs.max_batch());
  return no_larger_than_pays(costs, largest, cores(), dials.cores_count, dials.pays, point.batch)
      .batch;
}

std::unique_ptr<RequestPolicy> make_greedy_policy(const GreedySettings& settings) {
  return std::make_unique<GreedyPolicy>(settings);
}

}  // namespace widepipe::schedule
