#pragma once
// Discrete events around the very RequestScheduler that runs live: arrivals, emulated NPUs, rounds.
// Deterministic: the same settings and seed, the same events.

#include <cstdint>
#include <functional>
#include <vector>

#include "npu_model/fleet.h"
#include "rl/measures.h"
#include "rl/workload.h"
#include "schedule/request_scheduler.h"

namespace widepipe::rl {

/// How rank 0 and its devices hear of each other. With zeros at once.
struct RoundModel {
  Seconds period = 0;  ///< rank 0 acts at its multiples
  Seconds delay = 0;   ///< of an order on its way to a device, and of news on its way back
};

struct SimulationSettings {
  /// Of arrivals; what is out then is waited for. Of a trace it is as long as that takes. A data
  /// set has as many rows as `rate` asks for in this time.
  Seconds duration = 10;
  double rate = 1000;  ///< requests a second, of all streams, on average
  int devices = 32;
  std::uint64_t seed = 1;
  RoundModel rounds;
  bool balanced = false;     ///< requests are bound to devices as they arrive: a LoadBalancer
  bool true_speeds = false;  ///< the scheduler is told them, instead of estimating
  schedule::RequestSettings scheduler;
};

/// A call of a simulation to its scheduler, so that a benchmark can repeat them all.
struct SchedulerCall {
  enum class Kind { kAdd, kDispatch, kComplete, kLoaded, kDrain } kind = Kind::kAdd;
  std::uint32_t place = 0;  ///< kAdd: the stream; kLoaded: the device
  std::uint64_t what = 0;   ///< kAdd: the request; kComplete: the batch; kLoaded: the instance
  Seconds at = 0;           ///< kAdd: the arrival; kComplete: busy
  Seconds now = 0;
};

/// Called at each closed batch.
using BatchLog = std::function<void(const schedule::ClosedBatch&)>;

/// What a scheduler may know of such models on such devices; streams may share a model. Models
/// have the streams' numbers of them.
schedule::Cluster make_cluster(const npu_model::Profile& profile,
                               const std::vector<WorkloadStream>& streams,
                               const npu_model::Fleet& fleet);

/// The streams, and the fleet, of a run with these settings.
std::vector<WorkloadStream> streams_of_run(const npu_model::Profile& profile,
                                           const WorkloadSpec& workload,
                                           const SimulationSettings& settings);
npu_model::Fleet fleet_of_run(const npu_model::Profile& profile, const npu_model::FleetSpec& fleet,
                              const SimulationSettings& settings);

/// Runs the workload on the fleet. `log` and `calls` may be null.
Measures simulate(const npu_model::Profile& profile, const WorkloadSpec& workload,
                  const npu_model::FleetSpec& fleet, const SimulationSettings& settings,
                  const schedule::PolicyMaker& make_policy, const BatchLog& log = {},
                  std::vector<SchedulerCall>* calls = nullptr);

/// Requests a second that no scheduler can exceed, on average over the run: npu_model::fluid_bound,
/// by the mix of each time and the devices that work then. A trace is played that fast; neither
/// settings.rate nor, then, settings.duration is used.
double bound_of(const npu_model::Profile& profile, const WorkloadSpec& workload,
                const npu_model::FleetSpec& fleet, const SimulationSettings& settings);

}  // namespace widepipe::rl
