#include "rl/run_setup.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "core/mix_bits.h"
#include "npu_model/bound.h"
#include "npu_model/equations.h"
#include "schedule/load_balancer.h"

namespace widepipe::rl {
namespace {

constexpr Seconds kNever = std::numeric_limits<Seconds>::infinity();

std::shared_ptr<const schedule::NetworkCosts> costs_of(const npu_model::Profile& profile,
                                                       const npu_model::Network& network) {
  std::vector<schedule::NetworkCosts::Cell> cells;
  for (const int cores : profile.device.core_choices) {
    for (int batch = 1; batch <= profile.device.max_batch; ++batch) {
      cells.push_back({solo_seconds(profile.device, network, cores, batch),
                       bandwidth_demand(profile.device, network, cores, batch)});
    }
  }
  auto costs = std::make_shared<schedule::NetworkCosts>(network.name, profile.device.core_choices,
                                                        profile.device.max_batch, std::move(cells));
  costs->load = load_seconds(profile.device, network);
  costs->weight_bytes = instance_memory(profile.device, network, 0);
  costs->bytes_per_sample = instance_memory(profile.device, network, 1) - costs->weight_bytes;
  return costs;
}

/// The bound while nothing changes.
struct BoundPhase {
  double rate = 0;
  Seconds length = 0;
};

std::vector<BoundPhase> bound_phases(const npu_model::Profile& profile,
                                     const WorkloadSpec& workload, const npu_model::FleetSpec& spec,
                                     const SimulationSettings& settings) {
  const npu_model::Fleet fleet = fleet_of_run(profile, spec, settings);
  const std::vector<RatePhase> phases =
      rate_phases(workload, settings.duration, seed_for(settings.seed, Purpose::kRates));
  const std::vector<WorkloadStream> all_streams = streams_of_run(profile, workload, settings);
  std::vector<double> speeds;
  for (const npu_model::FleetDevice& device : fleet.devices) speeds.push_back(device.speed);
  std::vector<Seconds> borders = {settings.duration};
  for (const RatePhase& phase : phases) borders.push_back(phase.begin);
  for (const npu_model::DeviceChange& change : fleet.changes) borders.push_back(change.at);
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
  std::vector<BoundPhase> found;
  std::size_t phase = 0;
  std::size_t change = 0;
  for (std::size_t i = 0; i + 1 < borders.size() && borders[i] < settings.duration; ++i) {
    while (phase + 1 < phases.size() && phases[phase + 1].begin <= borders[i]) ++phase;
    for (; change < fleet.changes.size() && fleet.changes[change].at <= borders[i]; ++change) {
      speeds[static_cast<std::size_t>(fleet.changes[change].device)] = fleet.changes[change].speed;
    }
    std::map<std::pair<double, int>, double> kinds;
    for (std::size_t d = 0; d < speeds.size(); ++d) {
      if (speeds[d] > 0) kinds[{speeds[d], fleet.devices[d].cores}] += 1;
    }
    std::vector<npu_model::BoundDevice> devices;
    for (const auto& [kind, count] : kinds) devices.push_back({count, kind.first, kind.second});
    double load = 0;
    for (const double share : phases[phase].shares) load += share;
    // Streams of one network and SLO are one to the bound.
    std::map<std::pair<int, Seconds>, double> shares;
    for (std::size_t s = 0; s < all_streams.size(); ++s) {
      shares[{all_streams[s].network, all_streams[s].slo}] += phases[phase].shares[s] / load;
    }
    std::vector<npu_model::BoundStream> streams;
    for (const auto& [kind, share] : shares) streams.push_back({kind.first, share, kind.second});
    found.push_back({fluid_bound(profile, devices, streams), borders[i + 1] - borders[i]});
  }
  return found;
}

}  // namespace

std::uint64_t seed_for(std::uint64_t seed, Purpose purpose) {
  return mix_bits(seed * kGoldenGamma + static_cast<std::uint64_t>(purpose));
}

SimulationSettings for_workload(SimulationSettings settings, const WorkloadSpec& workload) {
  if (workload.trace && settings.rate > 0) {
    settings.duration = static_cast<double>(workload.trace->arrivals.size()) / settings.rate;
  }
  return settings;
}

schedule::Cluster make_cluster(const npu_model::Profile& profile,
                               const std::vector<WorkloadStream>& streams,
                               const npu_model::Fleet& fleet) {
  schedule::Cluster cluster;
  std::map<int, std::shared_ptr<const schedule::NetworkCosts>> costs;
  for (const WorkloadStream& stream : streams) {
    std::shared_ptr<const schedule::NetworkCosts>& mine = costs[stream.network];
    if (!mine) {
      mine = costs_of(profile, profile.networks[static_cast<std::size_t>(stream.network)]);
    }
    const auto model = static_cast<schedule::ModelId>(stream.model);
    if (cluster.models.size() <= model) cluster.models.resize(model + 1);
    cluster.models[model] = {stream.weights, mine};
    cluster.streams.push_back({stream.name, model, stream.slo, stream.rows});
  }
  for (const npu_model::FleetDevice& device : fleet.devices) {
    cluster.devices.push_back(
        {device.cores, device.memory, static_cast<std::uint32_t>(cluster.devices.size())});
  }
  return cluster;
}

std::vector<int> networks_of(const std::vector<WorkloadStream>& streams,
                             const schedule::Cluster& cluster) {
  std::vector<int> networks(cluster.models.size());
  for (std::size_t id = 0; id < streams.size(); ++id) {
    networks[cluster.streams[id].model] = streams[id].network;
  }
  return networks;
}

std::unique_ptr<schedule::RequestDispatcher> make_dispatcher(
    const schedule::Cluster& cluster, const SimulationSettings& settings,
    const schedule::PolicyMaker& make_policy, schedule::RequestEvents& events) {
  schedule::RequestSettings scheduler = settings.scheduler;
  if (settings.true_speeds) scheduler.estimate_speeds = false;
  scheduler.order_ahead |= settings.rounds.period > 0 || settings.rounds.delay > 0;
  if (settings.balanced) {
    return std::make_unique<schedule::LoadBalancer>(cluster, make_policy, events, scheduler);
  }
  return std::make_unique<schedule::RequestScheduler>(cluster, make_policy(), events, scheduler);
}

std::vector<WorkloadStream> streams_of_run(const npu_model::Profile& profile,
                                           const WorkloadSpec& workload,
                                           const SimulationSettings& settings) {
  std::vector<WorkloadStream> streams =
      streams_of(workload, profile,
                 seed_for(settings.streams_seed.value_or(settings.seed), Purpose::kStreams));
  if (workload.bulk) share_rows(workload, settings.rate * settings.duration, streams);
  return streams;
}

npu_model::Fleet fleet_of_run(const npu_model::Profile& profile, const npu_model::FleetSpec& fleet,
                              const SimulationSettings& settings) {
  return make_fleet(fleet, profile, settings.devices, settings.duration,
                    seed_for(settings.seed, Purpose::kFleet));
}

std::vector<double> model_shares(const npu_model::Profile& profile, const WorkloadSpec& workload,
                                 const SimulationSettings& settings) {
  const std::vector<WorkloadStream> streams = streams_of_run(profile, workload, settings);
  const std::vector<RatePhase> phases =
      rate_phases(workload, settings.duration, seed_for(settings.seed, Purpose::kRates));
  std::vector<double> shares;
  double all = 0;
  for (std::size_t phase = 0; phase < phases.size(); ++phase) {
    const Seconds end = phase + 1 < phases.size() ? phases[phase + 1].begin : settings.duration;
    for (std::size_t s = 0; s < streams.size(); ++s) {
      const auto model = static_cast<std::size_t>(streams[s].model);
      if (shares.size() <= model) shares.resize(model + 1, 0);
      const double part = phases[phase].shares[s] * std::max(end - phases[phase].begin, 0.0);
      shares[model] += part;
      all += part;
    }
  }
  for (double& share : shares) share /= all;
  return shares;
}

Seconds latest_end(const WorkloadSpec& workload, const SimulationSettings& settings) {
  constexpr Seconds kDrain = 5;
  constexpr double kBulk = 20;
  return (workload.bulk ? kBulk : 1) * settings.duration + kDrain;
}

double asked_rate(const WorkloadSpec& workload, double bound, double rate, double load) {
  constexpr double kUsualLoad = 0.6;
  if (rate > 0) return rate;
  if (load > 0) return load * bound;
  if (workload.bulk) return bound;
  return workload.trace ? workload.trace->rate() : kUsualLoad * bound;
}

double bound_of(const npu_model::Profile& profile, const WorkloadSpec& workload,
                const npu_model::FleetSpec& spec, const SimulationSettings& wanted) {
  SimulationSettings settings = wanted;
  if (workload.trace && spec.random.mean_between > 0) {
    // A trace is as long as its load makes it: here as long as it takes a fleet without faults.
    npu_model::FleetSpec sound = spec;
    sound.random = {};
    settings.rate = bound_of(profile, workload, sound, wanted);
  }
  settings = for_workload(settings, workload);
  double total = 0;
  for (const BoundPhase& phase : bound_phases(profile, workload, spec, settings)) {
    total += phase.rate * phase.length;
  }
  return total / settings.duration;
}

double bulk_bound_of(const npu_model::Profile& profile, const WorkloadSpec& workload,
                     const npu_model::FleetSpec& spec, const SimulationSettings& settings) {
  const double rows = settings.rate * settings.duration;
  double left = rows;
  Seconds takes = 0;
  double rate = 0;
  for (const BoundPhase& phase : bound_phases(profile, workload, spec, settings)) {
    rate = phase.rate;
    const Seconds needs = rate > 0 ? left / rate : kNever;
    takes += std::min(needs, phase.length);
    if (needs <= phase.length) return rows / takes;
    left -= rate * phase.length;
  }
  // What befalls devices does so within `duration`: then they stay as they are.
  return rate > 0 ? rows / (takes + left / rate) : 0;
}

}  // namespace widepipe::rl
