#include "schedule/learned_policy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "schedule/serving_plans.h"

namespace widepipe::schedule {
namespace {

/// How far a dial may be turned: its logarithm, either way.
constexpr std::array<double, kModelHeads> kMostModel = {0.9, 0.6, 1.5, 0.7, 1.5};
constexpr std::array<double, kSharedHeads> kMostShared = {2, 1.5, 0.3};
/// Features are no further from 0.
constexpr double kMostFeature = 1.5;
constexpr double kAny = std::numeric_limits<double>::infinity();

/// Another number of cores must be cheaper by so much to be worth loading instances.
constexpr double kWorthLoading = 0.95;
/// The weight of the last period in shares of misses.
constexpr double kMissWeight = 0.3;
/// Shares of misses count from here.
constexpr double kFewMisses = 0.002;

/// Smooth, from -most to most.
double within(double value, double most) { return most * std::tanh(value / most); }

/// A factor: `weights` times features, as a logarithm that is no further than `most` from 0.
template <typename Features>
double dial(const Features& weights, const Features& features, double most) {
  return std::exp(
      within(std::inner_product(weights.begin(), weights.end(), features.begin(), 0.0), most));
}

/// Calls visit(value) for each, in the order of the members.
void for_each_value(auto& parameters, const auto& visit) {
  for (auto& head : parameters.model) {
    for (auto& value : head) visit(value);
  }
  for (auto& head : parameters.shared) {
    for (auto& value : head) visit(value);
  }
}

static_assert(OnlineLearning::kNumbers == std::size_t{kModelHeads} + std::size_t{kSharedHeads});

/// With all dials turned by so much, as logarithms.
LearnedParameters moved(LearnedParameters parameters, const OnlineLearning::Numbers& by) {
  auto next = by.begin();
  for (ModelFeatures& head : parameters.model) head[kOne] += *next++;
  for (SharedFeatures& head : parameters.shared) head[kAlways] += *next++;
  return parameters;
}

}  // namespace

LearnedParameters LearnedParameters::of(std::span<const double> values) {
  if (values.size() != kCount) throw std::invalid_argument("another number of parameters");
  LearnedParameters parameters;
  auto next = values.begin();
  for_each_value(parameters, [&](double& value) { value = *next++; });
  return parameters;
}

std::vector<double> LearnedParameters::values() const {
  std::vector<double> values;
  for_each_value(*this, [&](double value) { values.push_back(value); });
  return values;
}

LearnedPolicy::LearnedPolicy(const LearnedParameters& parameters, bool guarded,
                             std::shared_ptr<OnlineResult> result)
    : origin_(parameters), parameters_(parameters), guarded_(guarded), result_(std::move(result)) {
  if (result_) learning_.emplace();
}

void LearnedPolicy::look_at(const Cluster& cluster) {
  GreedyPolicy::look_at(cluster);
  const std::size_t models = cluster.models.size();
  slo_ = tightest_slo(cluster);
  wanted_.assign(models, 1);
  missed_.assign(models, 0);
  for (const ServedModel& model : cluster.models) {
    Seconds shortest = model.costs->at(0, 1).solo;
    for (std::size_t choice = 0; choice < model.costs->core_choices().size(); ++choice) {
      if (model.costs->core_choices()[choice] > cores()) break;
      shortest = std::min(shortest, model.costs->at(choice, 1).solo);
    }
    shortest_.push_back(shortest);
  }
}

/// What became of requests since the last plan.
LearnedPolicy::Served LearnedPolicy::follow_misses(const ServingObservation& seen) {
  std::vector<double> missed(missed_.size(), 0);
  std::vector<double> ended(missed_.size(), 0);
  for (StreamId id = 0; id < seen.streams.size(); ++id) {
    const StreamState& stream = seen.streams[id];
    const ModelId model = seen.cluster->streams[id].model;
    missed[model] += static_cast<double>(stream.missed);
    ended[model] += static_cast<double>(stream.missed + stream.in_time);
  }
  const auto follow = [](double& share, double part, double whole) {
    if (whole > 0) share += kMissWeight * (part / whole - share);
  };
  for (ModelId model = 0; model < missed_.size(); ++model) {
    follow(missed_[model], missed[model], ended[model]);
  }
  const double all_missed = std::accumulate(missed.begin(), missed.end(), 0.0);
  const double all_ended = std::accumulate(ended.begin(), ended.end(), 0.0);
  follow(all_missed_, all_missed, all_ended);
  return {all_missed, all_ended};
}

void LearnedPolicy::learn_on(const Served& served, bool was_trusted, Seconds now) {
  if (guard_.fallbacks() > 0) {
    learning_->give_up();
  } else if (!was_trusted || !guard_.trusted()) {
    learning_->skip(now);
  } else {
    learning_->see(now, served.missed, served.all);
  }
  parameters_ = moved(origin_, learning_->numbers());
  *result_ = {moved(origin_, learning_->learned()), learning_->steps()};
}

std::vector<ModelFeatures> LearnedPolicy::features_of(const ServingObservation& seen) const {
  const Cluster& cluster = *seen.cluster;
  const std::size_t models = cluster.models.size();
  const bool known = std::any_of(seen.streams.begin(), seen.streams.end(),
                                 [](const auto& stream) { return stream.arrivals_per_second > 0; });
  double size = 0;  // of devices of speed 1 with all cores
  double speeds = 0;
  double working = 0;
  for (DeviceId id = 0; id < seen.devices.size(); ++id) {
    if (seen.devices[id].ejected) continue;
    size += seen.devices[id].speed * cluster.devices[id].cores / cores();
    speeds += seen.devices[id].speed;
    ++working;
  }
  const double mean_speed = working > 0 ? speeds / working : 1;
  const std::vector<double> rates = model_rates(seen);
  std::vector<OperatingPoint> ways = points();
  std::vector<double> work(models, 0);
  for (ModelId model = 0; model < models; ++model) {
    const NetworkCosts& costs = *cluster.models[model].costs;
    if (ways.size() <= model)
      ways.push_back(GreedyPolicy::point_of(model, costs, slo_[model], kAny));
    work[model] =
        rates[model] * cost_per_request(costs, ways[model].choice, ways[model].batch, cores());
  }
  const double all_work = std::accumulate(work.begin(), work.end(), 0.0);
  std::vector<ModelFeatures> all(models);
  for (ModelId model = 0; model < models; ++model) {
    const NetworkCosts& costs = *cluster.models[model].costs;
    const OperatingPoint& way = ways[model];
    const double of_cores = static_cast<double>(costs.core_choices()[way.choice]) / cores();
    const double demand = costs.at(way.choice, way.batch).demand;
    const double part = all_work > 0 ? work[model] * static_cast<double>(models) / all_work : 1;
    ModelFeatures& of = all[model];
    of[kOne] = 1;
    of[kTight] = within((std::log(slo_[model] / shortest_[model]) - 2) / 2, kMostFeature);
    of[kLoad] = known && size > 0 ? within(2 * (all_work / size - 0.6), kMostFeature) : 0;
    of[kPopular] = within(std::log(std::max(part, 1e-3)) / 2, kMostFeature);
    of[kGathers] = known && std::isfinite(slo_[model])
                       ? way.batch / (way.batch + rates[model] * slo_[model])
                       : 0;
    of[kBandwidth] = (demand - of_cores) / (demand + of_cores);
    of[kMisses] = within(std::log((missed_[model] + kFewMisses) / (all_missed_ + kFewMisses)) / 2,
                         kMostFeature);
    of[kSlowness] = 1 - mean_speed;
  }
  return all;
}

bool LearnedPolicy::adapt(const ServingObservation& seen) {
  GreedyPolicy::adapt(seen);
  const Served served = follow_misses(seen);
  const bool was_trusted = guard_.trusted();
  if (guarded_) guard_.see(seen.now, served.missed, served.all);
  if (learning_) learn_on(served, was_trusted, seen.now);
  if (guarded_ && !guard_.trusted()) {
    reset_dials();
    return true;
  }
  turn_dials(features_of(seen));
  if (!finite()) {
    guard_.distrust(seen.now);
    reset_dials();
  }
  return true;
}

SharedFeatures LearnedPolicy::shared_features(const std::vector<ModelFeatures>& features) const {
  SharedFeatures all{};
  all[kAlways] = 1;
  all[kAllLoad] = features.front()[kLoad];
  all[kAllMisses] =
      within(std::log((all_missed_ + kFewMisses) / (0.01 + kFewMisses)) / 2, kMostFeature);
  all[kAllSlowness] = features.front()[kSlowness];
  return all;
}

void LearnedPolicy::turn_dials(const std::vector<ModelFeatures>& features) {
  const Dials& usual = usual_dials();
  for (ModelId model = 0; model < features.size(); ++model) {
    const auto factor = [&](ModelHead head) {
      return dial(parameters_.model[head], features[model], kMostModel[head]);
    };
    const double odds = usual.cores_count / (1 - usual.cores_count) * factor(kCores);
    dials_[model] = {.budget = usual.budget * factor(kBudget),
                     .stretch = usual.stretch * factor(kStretch),
                     .spare_batch = usual.spare_batch * factor(kSpare),
                     .cores_count = odds / (1 + odds)};
    wanted_[model] = factor(kWanted);
  }
  const SharedFeatures seen = shared_features(features);
  const auto factor = [&](SharedHead head) {
    return dial(parameters_.shared[head], seen, kMostShared[head]);
  };
  const SharedDials& shared = usual_shared();
  shared_ = {.sacrifice = shared.sacrifice * factor(kSacrifice),
             .idle_share = shared.idle_share * factor(kIdle),
             .caution = shared.caution * factor(kCaution)};
}

void LearnedPolicy::reset_dials() {
  std::fill(dials_.begin(), dials_.end(), usual_dials());
  std::fill(wanted_.begin(), wanted_.end(), 1);
  shared_ = usual_shared();
}

bool LearnedPolicy::finite() const {
  double all = shared_.sacrifice + shared_.idle_share + shared_.caution;
  for (const Dials& dials : dials_) {
    all += dials.budget + dials.stretch + dials.spare_batch + dials.cores_count;
  }
  for (const double wanted : wanted_) all += wanted;
  return std::isfinite(all);
}

OperatingPoint LearnedPolicy::point_of(ModelId model, const NetworkCosts& costs, Seconds slo,
                                       double instance_bytes) const {
  const OperatingPoint best = GreedyPolicy::point_of(model, costs, slo, instance_bytes);
  if (points().empty() || std::isinf(slo)) return best;
  const std::uint32_t choice = points()[model].choice;
  if (best.choice == choice) return best;
  // As it is, if that is nearly as good.
  const double cores_count = dials_[model].cores_count;
  const auto cost = [&](const OperatingPoint& point) {
    return cost_per_request(costs, point.choice, point.batch, cores(), cores_count);
  };
  OperatingPoint same{choice, 0, 0};
  for (int batch = 1; batch <= costs.max_batch(); ++batch) {
    const OperatingPoint point{choice, batch, costs.at(choice, batch).solo};
    if (point.solo > dials_[model].budget * slo || costs.instance_bytes(batch) > instance_bytes) {
      break;
    }
    if (same.batch == 0 || cost(point) < cost(same)) same = point;
  }
  return same.batch > 0 && cost(best) > kWorthLoading * cost(same) ? same : best;
}

}  // namespace widepipe::schedule
