#pragma once

#include "rl/simulator.h"

namespace widepipe::rl {

struct Goodput {
  /// Requests a second: the highest load found that passes; 0 if none does.
  double rate = 0;
  double bound = 0;   ///< bound_of() the same run
  Measures measures;  ///< of the run at that load
  int runs = 0;

  double share() const { return bound > 0 ? rate / bound : 0; }
};

/// Of a data set, as many rows as the bound does in settings.duration, by how long they take; else
/// the load at which the workload's pass rule is just met, by bisection to within `precision` of
/// the bound. All runs have the same fleet, rates and seed, and differ in how dense arrivals are;
/// settings.rate is not used.
Goodput find_goodput(const npu_model::Profile& profile, const WorkloadSpec& workload,
                     const npu_model::FleetSpec& fleet, SimulationSettings settings,
                     const schedule::PolicyMaker& make_policy, double precision = 0.005);

}  // namespace widepipe::rl
