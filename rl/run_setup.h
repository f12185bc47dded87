#pragma once
// What a run is made of, all of it from settings and a seed: streams, devices, what a scheduler may
// know of them, and the bound.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "npu_model/fleet.h"
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
  /// With which streams are drawn, where the workload says so; nothing: with the seed.
  std::optional<std::uint64_t> streams_seed;
  RoundModel rounds;
  bool balanced = false;     ///< requests are bound to devices as they arrive: a LoadBalancer
  bool true_speeds = false;  ///< the scheduler is told them, instead of estimating
  schedule::RequestSettings scheduler;
};

/// Seeds of things that must not move together.
enum class Purpose : std::uint64_t { kFleet = 1, kRates, kArrivals, kJitter, kStreams };
std::uint64_t seed_for(std::uint64_t seed, Purpose purpose);

/// With the duration that the workload has at that rate, if it is a trace.
SimulationSettings for_workload(SimulationSettings settings, const WorkloadSpec& workload);

/// What a scheduler may know of such models on such devices; streams may share a model. Models
/// have the streams' numbers of them.
schedule::Cluster make_cluster(const npu_model::Profile& profile,
                               const std::vector<WorkloadStream>& streams,
                               const npu_model::Fleet& fleet);

/// The network of each model.
std::vector<int> networks_of(const std::vector<WorkloadStream>& streams,
                             const schedule::Cluster& cluster);

/// The scheduler, or balancer, that the settings ask for. `events` outlives it.
std::unique_ptr<schedule::RequestDispatcher> make_dispatcher(
    const schedule::Cluster& cluster, const SimulationSettings& settings,
    const schedule::PolicyMaker& make_policy, schedule::RequestEvents& events);

/// The streams, and the fleet, of a run with these settings.
std::vector<WorkloadStream> streams_of_run(const npu_model::Profile& profile,
                                           const WorkloadSpec& workload,
                                           const SimulationSettings& settings);
npu_model::Fleet fleet_of_run(const npu_model::Profile& profile, const npu_model::FleetSpec& fleet,
                              const SimulationSettings& settings);

/// Of all requests, by model: the mean over the run.
std::vector<double> model_shares(const npu_model::Profile& profile, const WorkloadSpec& workload,
                                 const SimulationSettings& settings);

/// When a run ends even if requests are out: a data set may take many times the time that is given
/// for it, and others some seconds behind the last arrival.
Seconds latest_end(const WorkloadSpec& workload, const SimulationSettings& settings);

/// Requests a second, of what was asked for: as `rate`, or as a `load` of the bound; with neither
/// (0) all that the bound does of a data set, a trace as it was, else 0.6 of the bound.
double asked_rate(const WorkloadSpec& workload, double bound, double rate, double load);

/// Requests a second that no scheduler can exceed, on average over the run: npu_model::fluid_bound,
/// by the mix of each time and the devices that work then. A trace is played that fast; neither
/// settings.rate nor, then, settings.duration is used.
double bound_of(const npu_model::Profile& profile, const WorkloadSpec& workload,
                const npu_model::FleetSpec& fleet, const SimulationSettings& settings);

/// Of a data set of settings.rate * settings.duration rows: these, by the least time in which no
/// scheduler is faster. 0 if the devices never do all of them.
double bulk_bound_of(const npu_model::Profile& profile, const WorkloadSpec& workload,
                     const npu_model::FleetSpec& fleet, const SimulationSettings& settings);

}  // namespace widepipe::rl
