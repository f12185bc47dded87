#include "schedule/learned_policy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "schedule/serving_plans.h"

namespace widepipe::schedule {
namespace {

constexpr double kAny = std::numeric_limits<double>::infinity();

/// Another number of cores must be cheaper by so much to be worth loading instances.
constexpr double kWorthLoading = 0.95;

/// `weights` times features.
template <typename Features>
double sum(const Features& weights, const Features& features) {
  return std::inner_product(weights.begin(), weights.end(), features.begin(), 0.0);
}

/// With all dials turned by so much: logarithms, but of drift, lead and slow.
LearnedParameters moved(LearnedParameters parameters, const OnlineLearning::Numbers& by) {
  auto next = by.begin();
  for (std::size_t head = 0; head < kModelHeads; ++head) {
    parameters.usual.model[head][kOne] += *next++ / kModelDials[head].unit;
  }
  for (std::size_t head = 0; head < kSharedHeads; ++head) {
    parameters.usual.shared[head][kAlways] += *next++ / kSharedDials[head].unit;
  }
  return parameters;
}

}  // namespace

LearnedPolicy::LearnedPolicy(const LearnedParameters& parameters, bool guarded,
                             std::shared_ptr<OnlineResult> result)
    : origin_(parameters),
      parameters_(parameters),
      guarded_(guarded),
      result_(std::move(result)),
      usual_packing_(packing_) {
  if (result_) learning_.emplace();
}

void LearnedPolicy::look_at(const Cluster& cluster) {
  GreedyPolicy::look_at(cluster);
  watch_.look_at(cluster, cores());
  first_points_ = first_points(cluster);
  watch_.expect(cluster, first_points_);
  wanted_.assign(cluster.models.size(), 1);
}

std::vector<OperatingPoint> LearnedPolicy::first_points(const Cluster& cluster) const {
  std::vector<OperatingPoint> first;
  for (ModelId model = 0; model < cluster.models.size(); ++model) {
    const NetworkCosts& costs = *cluster.models[model].costs;
    first.push_back(GreedyPolicy::point_of(model, costs, watch_.slo()[model], kAny));
  }
  return first;
}

void LearnedPolicy::plan(const ServingObservation& seen, ServingPlan& plan) {
  GreedyPolicy::plan(seen, plan);
  plan.period = period_;
}

void LearnedPolicy::learn_on(const Ended& ended, bool was_trusted, Seconds now) {
  if (guard_.fallbacks() > 0) {
    learning_->give_up();
  } else if (!was_trusted || !guard_.trusted()) {
    learning_->skip(now);
  } else {
    learning_->see(now, ended.missed, ended.all);
  }
  parameters_ = moved(origin_, learning_->numbers());
  *result_ = {moved(origin_, learning_->learned()), learning_->steps()};
}

bool LearnedPolicy::adapt(const ServingObservation& seen) {
  GreedyPolicy::adapt(seen);
  const Ended ended = watch_.follow(seen);
  const bool was_trusted = guard_.trusted();
  if (guarded_) guard_.see(seen.now, ended.missed, ended.all);
  if (learning_) learn_on(ended, was_trusted, seen.now);
  if (guarded_ && !guard_.trusted()) {
    reset_dials();
    return true;
  }
  turn_dials(watch_.features(seen, points().empty() ? first_points_ : points()));
  if (!finite()) {
    guard_.distrust(seen.now);
    reset_dials();
  }
  return true;
}

void LearnedPolicy::turn_dials(const Features& features) {
  const DialWeights weights = parameters_.at(features.few);
  const Dials& usual = usual_dials();
  for (ModelId model = 0; model < features.models.size(); ++model) {
    const auto term = [&](ModelHead head) {
      const double by = kModelDials[head].unit * sum(weights.model[head], features.models[model]);
      return within(by, kModelDials[head].most);
    };
    const auto factor = [&](ModelHead head) { return std::exp(term(head)); };
    const double odds = usual.cores_count / (1 - usual.cores_count) * factor(kCores);
    dials_[model] = {.budget = usual.budget * factor(kBudget),
                     .stretch = usual.stretch * factor(kStretch),
                     .spare_batch = usual.spare_batch * factor(kSpare),
                     .cores_count = odds / (1 + odds),
                     .caution = usual.caution * factor(kCaution),
                     .drift = usual.drift + term(kDrift),
                     .lead = usual.lead + term(kLead),
                     .slow = usual.slow + term(kSlow),
                     .pays = usual.pays * factor(kPays)};
    wanted_[model] = factor(kWanted);
  }
  const auto factor = [&](SharedHead head) {
    const double by = kSharedDials[head].unit * sum(weights.shared[head], features.shared);
    return std::exp(within(by, kSharedDials[head].most));
  };
  const SharedDials& shared = usual_shared();
  shared_ = {.sacrifice = shared.sacrifice * factor(kSacrifice),
             .idle_share = shared.idle_share * factor(kIdle)};
  packing_.spare = usual_packing_.spare * factor(kCopies);
  packing_.surge = usual_packing_.surge * factor(kSurge);
  packing_.least_rate = usual_packing_.least_rate * factor(kFloor);
  packing_.hysteresis = 1 + (usual_packing_.hysteresis - 1) * factor(kStay);
  period_ = kUsualPlanPeriod * std::min(factor(kPace), 1.0);
}

void LearnedPolicy::reset_dials() {
  std::fill(dials_.begin(), dials_.end(), usual_dials());
  std::fill(wanted_.begin(), wanted_.end(), 1);
  shared_ = usual_shared();
  packing_ = usual_packing_;
  period_ = kUsualPlanPeriod;
}

bool LearnedPolicy::finite() const {
  double all = shared_.sacrifice + shared_.idle_share + packing_.spare + packing_.surge +
               packing_.least_rate + packing_.hysteresis + period_;
  for (const Dials& dials : dials_) {
    all += dials.budget + dials.stretch + dials.spare_batch + dials.cores_count + dials.caution +
           dials.drift + dials.lead + dials.slow + dials.pays;
  }
  for (const double wanted : wanted_) all += wanted;
  return std::isfinite(all);
}

OperatingPoint LearnedPolicy::point_of(ModelId model, const NetworkCosts& costs, Seconds slo,
                                       double instance_bytes) const {
  const OperatingPoint best = GreedyPolicy::point_of(model, costs, slo, instance_bytes);
  if (points().empty() || packed() || std::isinf(slo)) return best;
  const std::uint32_t choice = points()[model].choice;
  if (best.choice == choice) return best;
  // As it is, if that is nearly as good.
  const Dials& dials = dials_[model];
  const auto same =
      cheapest_on(costs, choice, cores(), dials.budget * slo, instance_bytes, dials.cores_count);
  const auto cost = [&](const OperatingPoint& point) {
    return cost_per_request(costs, point.choice, point.batch, cores(), dials.cores_count);
  };
  if (!same || cost(best) <= kWorthLoading * cost(*same)) return best;
  return no_larger_than_pays(costs, *same, cores(), dials.cores_count, dials.pays);
}

}  // namespace widepipe::schedule
