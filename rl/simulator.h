#pragma once
// Discrete events around the very RequestScheduler that runs live: arrivals, emulated NPUs, rounds.
// Deterministic: the same settings and seed, the same events.

#include <cstdint>
#include <vector>

#include "rl/measures.h"
#include "rl/request_counter.h"
#include "rl/run_setup.h"
#include "schedule/request_policy.h"

namespace widepipe::rl {

/// A call of a simulation to its scheduler, so that a benchmark can repeat them all.
struct SchedulerCall {
  enum class Kind { kAdd, kDispatch, kComplete, kLoaded, kDrain } kind = Kind::kAdd;
  std::uint32_t place = 0;  ///< kAdd: the stream; kLoaded: the device; kComplete: 1 if done
  std::uint64_t what = 0;   ///< kAdd: the request; kComplete: the batch; kLoaded: the instance
  Seconds at = 0;           ///< kAdd: the arrival; kComplete: busy
  Seconds now = 0;
};

/// Runs the workload on the fleet. `log` and `calls` may be null.
Measures simulate(const npu_model::Profile& profile, const WorkloadSpec& workload,
                  const npu_model::FleetSpec& fleet, const SimulationSettings& settings,
                  const schedule::PolicyMaker& make_policy, const BatchLog& log = {},
                  std::vector<SchedulerCall>* calls = nullptr);

}  // namespace widepipe::rl
