#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "schedule/greedy_policy.h"
#include "schedule/online_learning.h"
#include "schedule/policy_guard.h"

namespace widepipe::schedule {

/// What a learned policy looks at when it plans, of one model beside all; numbers about 0, most of
/// them between -1 and 1, however many devices and models there are.
enum ModelFeature {
  kOne,        ///< 1
  kTight,      ///< log of the SLO as a multiple of the shortest batch, about 7
  kLoad,       ///< of all devices: the part that what arrives would take, about 0.6
  kPopular,    ///< log of the model's part of that, beside an equal one
  kGathers,    ///< how long a full batch gathers, beside the SLO
  kBandwidth,  ///< of what a batch takes of a device: bandwidth or cores
  kMisses,     ///< log of the share of its requests that missed of late, beside that of all
  kSlowness,   ///< 1 less the mean of devices' estimated speeds
  kModelFeatures
};
using ModelFeatures = std::array<double, kModelFeatures>;

/// Of all models and devices together.
enum SharedFeature {
  kAlways,
  kAllLoad,
  kAllMisses,  ///< log of the share of all requests that missed of late, about 1 in 100
  kAllSlowness,
  kSharedFeatures
};
using SharedFeatures = std::array<double, kSharedFeatures>;

/// What it sets by them: dials of GreedyPolicy, each its usual value times the exponential of a
/// linear function of features. Of cores, what they count for in costs; and how much of a model
/// there should be.
enum ModelHead { kBudget, kStretch, kCores, kSpare, kWanted, kModelHeads };
enum SharedHead { kSacrifice, kIdle, kCaution, kSharedHeads };

/// All zero: greedy.
struct LearnedParameters {
  std::array<ModelFeatures, kModelHeads> model{};
  std::array<SharedFeatures, kSharedHeads> shared{};

  static constexpr std::size_t kCount =
      std::size_t{kModelFeatures} * kModelHeads + std::size_t{kSharedFeatures} * kSharedHeads;
  /// In the order of the members; kCount of them. Throws std::invalid_argument.
  static LearnedParameters of(std::span<const double> values);
  std::vector<double> values() const;

  // What they are called in files.
  static constexpr std::array<const char*, kModelFeatures> kFeatureNames = {
      "one", "tight", "load", "popular", "gathers", "bandwidth", "misses", "slowness"};
  static constexpr std::array<const char*, kSharedFeatures> kSharedFeatureNames = {
      "one", "load", "misses", "slowness"};
  static constexpr std::array<const char*, kModelHeads> kModelNames = {"budget", "stretch", "cores",
                                                                       "spare", "wanted"};
  static constexpr std::array<const char*, kSharedHeads> kSharedNames = {"sacrifice", "idle",
                                                                         "caution"};
};

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
  PolicyCounts counts() const override {
    return {guard_.comparisons(), guard_.fallbacks(), guard_.untrusted_time(),
            learning_ ? learning_->steps() : 0};
  }

 private:
  void look_at(const Cluster& cluster) override;
  bool adapt(const ServingObservation& seen) override;
  OperatingPoint point_of(ModelId model, const NetworkCosts& costs, Seconds slo,
                          double instance_bytes) const override;

  struct Served {
    double missed = 0;
    double all = 0;
  };
  Served follow_misses(const ServingObservation& seen);
  void learn_on(const Served& served, bool was_trusted, Seconds now);
  std::vector<ModelFeatures> features_of(const ServingObservation& seen) const;
  SharedFeatures shared_features(const std::vector<ModelFeatures>& features) const;
  void turn_dials(const std::vector<ModelFeatures>& features);
  void reset_dials();
  bool finite() const;
  double wanted(ModelId model) const override { return wanted_[model]; }

  const LearnedParameters origin_;
  LearnedParameters parameters_;  ///< as they are now
  const bool guarded_;
  const std::shared_ptr<OnlineResult> result_;
  std::optional<OnlineLearning> learning_;
  PolicyGuard guard_;
  std::vector<double> wanted_;
  std::vector<Seconds> slo_;       ///< by model: the tightest
  std::vector<Seconds> shortest_;  ///< by model: the shortest batch
  std::vector<double> missed_;     ///< by model, of late: the share of its requests
  double all_missed_ = 0;
};

}  // namespace widepipe::schedule
