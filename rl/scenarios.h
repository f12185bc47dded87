#pragma once
// What may come, drawn at random: for learning.

#include <cstdint>

#include "npu_model/fleet.h"
#include "npu_model/profile.h"
#include "rl/simulator.h"
#include "rl/workload.h"

namespace widepipe::rl {

/// One run that a policy may have to face.
struct Scenario {
  WorkloadSpec workload;
  npu_model::FleetSpec fleet;
  npu_model::Profile profile;
  SimulationSettings settings;  ///< `rate`: a multiple of what the opponent bears
};

/// Where scenarios play: on devices of the profile, whose networks they serve; in part of them on
/// others, with other networks, times that vary more, late news, or tenants that devices have no
/// room for; or on few processors of one core, likewise, but without tenants.
enum class Variety { kPlain, kAll, kFew };

/// Draws what is served and where: networks, popularity and how it changes, deadlines, bursts,
/// devices like those of the profile or others, what befalls them, rounds. The same number, the
/// same scenario, but for the load.
Scenario draw_scenario(const npu_model::Profile& profile, std::uint64_t number,
                       Variety variety = Variety::kAll);

}  // namespace widepipe::rl
