#pragma once
// Searches for the settings of policies, each by the same LoadClimb and with a budget of
// simulations. Deterministic.

#include <vector>

#include "rl/load_climb.h"
#include "schedule/request_policies.h"
#include "schedule/static_policy.h"

namespace widepipe::rl {

/// What a search found: settings of a static policy, the parameters of another,
/// or a Q-table.
struct Tuned {
  std::vector<schedule::StaticSetting> settings;  ///< by model
  std::vector<double> parameters;
  double share = 0;     ///< of the bound: the highest load at which they passed on the tuning run
  int evaluations = 0;  ///< simulations that it took
};

/// Settings for a static policy by coordinate search: each model's cores, batch, timeout and
/// instances in turn.
Tuned tune_static(LoadClimb& climb);

/// A policy's parameters by coordinate search, each in turn and in ever smaller steps.
Tuned tune_parameters(const schedule::NamedPolicy& policy, LoadClimb& climb);

/// A Q-table, as `parameters`: four fifths of the budget are episodes of learning, at various
/// loads; tables on the way are candidates.
Tuned train_qlearning(LoadClimb& climb);

}  // namespace widepipe::rl
