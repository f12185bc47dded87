#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "schedule/greedy_policy.h"
#include "schedule/learned_features.h"
#include "schedule/learned_parameters.h"
#include "schedule/online_learning.h"
#include "schedule/policy_guard.h"

namespace widepipe::schedule {

/// What a policy that goes on learning has come to.
struct OnlineResult {
  LearnedParameters parameters;
  std::int64_t steps = 0;
};

/// Greedy whose constants follow what is seen: they are set anew for each plan, by model. While its
/// guard does not trust it, or where a number is not finite, they are the usual ones. A policy that
/// goes on learning turns all of them a little more or less, within bounds. Once its guard has
/// fallen back, it is what it was at first, and learns no more.
class LearnedPolicy final : public GreedyPolicy {
 public:
  /// Not `guarded`: whatever comes of it, for training. `result`: not null if it is to go on
  /// learning, and then written at plans.
  explicit LearnedPolicy(const LearnedParameters& parameters, bool guarded = true,
                         std::shared_ptr<OnlineResult> result = nullptr);

  std::string_view name() const override { return "learned"; }
  void plan(const ServingObservation& seen, ServingPlan& plan) override;
  PolicyCounts counts() const override {
    return {guard_.comparisons(), guard_.fallbacks(), guard_.untrusted_time(),
            learning_ ? learning_->steps() : 0};
  }

 private:
  void look_at(const Cluster& cluster) override;
  bool adapt(const ServingObservation& seen) override;
  OperatingPoint point_of(ModelId model, const NetworkCosts& costs, Seconds slo,
                          double instance_bytes) const override;

  std::vector<OperatingPoint> first_points(const Cluster& cluster) const;
  void learn_on(const Ended& ended, bool was_trusted, Seconds now);
  void turn_dials(const Features& features);
  void reset_dials();
  bool finite() const;
  double wanted(ModelId model) const override { return wanted_[model]; }

  const LearnedParameters origin_;
  LearnedParameters parameters_;  ///< as they are now
  const bool guarded_;
  const std::shared_ptr<OnlineResult> result_;
  std::optional<OnlineLearning> learning_;
  PolicyGuard guard_;
  FeatureWatch watch_;
  std::vector<OperatingPoint> first_points_;  ///< where memory does not matter
  std::vector<double> wanted_;
  Seconds period_ = kUsualPlanPeriod;
  const PackingSettings usual_packing_;
};

}  // namespace widepipe::schedule
