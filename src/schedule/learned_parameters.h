#pragma once
// What a learned policy sets, and the parameters by which it does.

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "schedule/learned_features.h"

namespace widepipe::schedule {

/// Dials of GreedyPolicy, of each model; of cores, what they count for in costs; and how much of a
/// model there should be.
enum ModelHead {
  kBudget,
  kStretch,
  kCores,
  kSpare,
  kWanted,
  kCaution,
  kDrift,
  kLead,
  kSlow,
  kPays,
  kModelHeads
};
/// Dials of all: those of GreedyPolicy, how soon to plan again, and what PackingSettings are.
enum SharedHead { kSacrifice, kIdle, kPace, kCopies, kSurge, kFloor, kStay, kSharedHeads };

/// A dial is its usual value times the exponential of a linear function of features; or, of drift,
/// lead and slow, that function. Of cores their odds beside bandwidth are, of stay what it is above
/// 1, and pace is at most the usual one.
struct DialSpec {
  const char* name;  ///< in files
  double most;       ///< the function is no further from 0
  /// What a parameter of 1 times a feature of 1 makes of it: so that steps of learning that are
  /// alike make differences that are alike.
  double unit;
};
inline constexpr std::array<DialSpec, kModelHeads> kModelDials = {{{"budget", 0.9, 1},
                                                                   {"stretch", 0.6, 1},
                                                                   {"cores", 1.5, 1},
                                                                   {"spare", 0.7, 1},
                                                                   {"wanted", 1.5, 1},
                                                                   {"caution", 0.3, 1},
                                                                   {"drift", 1, 1},
                                                                   {"lead", 0.5, 1},
                                                                   {"slow", 2, 4},
                                                                   {"pays", 3.2, 8}}};
inline constexpr std::array<DialSpec, kSharedHeads> kSharedDials = {{{"sacrifice", 2, 1},
                                                                     {"idle", 1.5, 1},
                                                                     {"pace", 1.6, 4},
                                                                     {"copies", 0.7, 2},
                                                                     {"surge", 1.5, 4},
                                                                     {"floor", 1.5, 4},
                                                                     {"stay", 1.5, 4}}};

static_assert(kModelDials.back().name != nullptr && kSharedDials.back().name != nullptr);

/// By dial, what each feature counts for. All zero: greedy.
struct DialWeights {
  std::array<ModelFeatures, kModelHeads> model{};
  std::array<SharedFeatures, kSharedHeads> shared{};

  static constexpr std::size_t kCount =
      std::size_t{kModelFeatures} * kModelHeads + std::size_t{kSharedFeatures} * kSharedHeads;
};

/// One thing after another is another problem than many at a time, where what is left of one device
/// is made up for by others: the fewer batches run, the more counts what is added for them.
struct LearnedParameters {
  DialWeights usual;
  DialWeights few;  ///< added to those, times Features::few

  static constexpr std::size_t kCount = 2 * DialWeights::kCount;
  /// In the order of the members; kCount of them. Throws std::invalid_argument.
  static LearnedParameters of(std::span<const double> values);
  std::vector<double> values() const;
  /// Where that is Features::few.
  DialWeights at(double few_batches) const;

  // What they are called in files.
  static constexpr std::array<const char*, kModelFeatures> kFeatureNames = {
      "one",      "tight", "load",     "popular",  "gathers", "gains",  "bandwidth", "misses",
      "slowness", "late",  "unsteady", "surprise", "waiting", "rising", "loaded",    "costly"};
  static constexpr std::array<const char*, kSharedFeatures> kSharedFeatureNames = {
      "one", "load", "misses", "slowness", "late", "unsteady", "memory", "changes"};
};

}  // namespace widepipe::schedule
