#pragma once

#include <vector>

#include "rl/simulator.h"
#include "schedule/static_policy.h"

namespace widepipe::rl {

struct TunedStatic {
  std::vector<schedule::StaticSetting> settings;  ///< by model
  double share = 0;     ///< of the bound: the highest load at which they passed on the tuning run
  int evaluations = 0;  ///< simulations that it took
};

/// Settings for a static policy by coordinate search: each model's cores, batch, timeout and
/// instances in turn, at a load that rises whenever a change passes there. Deterministic.
/// `settings.rate` is not used.
TunedStatic tune_static(const npu_model::Profile& profile, const WorkloadSpec& workload,
                        const npu_model::FleetSpec& fleet, SimulationSettings settings,
                        int evaluations);

/// The workload and the fleet before anything changes: what one can tune for in advance.
WorkloadSpec steady(WorkloadSpec workload);
npu_model::FleetSpec steady(npu_model::FleetSpec fleet);

}  // namespace widepipe::rl
