#include "jobs/replay_plan.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>

#include "core/error.h"
#include "jobs/profile_file.h"
#include "jobs/simulated_policies.h"
#include "jobs/workload_file.h"
#include "npu_model/bound.h"

namespace widepipe::jobs {

namespace {

void place_emulated(const ReplayCommand& command, int ranks, ReplayPlan& plan) {
  const int first = command.dedicated_scheduler ? 1 : 0;
  if (first >= ranks) {
    throw_input_error("--dedicated-scheduler: needs another rank for the devices, found {} rank",
                      ranks);
  }
  for (int rank = first; rank < ranks; ++rank) {
    for (int i = 0; i < command.devices_per_rank; ++i) plan.rank_of_device.push_back(rank);
  }
  plan.fleet_spec = load_fleet(command.fleet.empty() ? plan.workload.fleet : command.fleet,
                               plan.profile, static_cast<int>(plan.rank_of_device.size()));
}

/// One device a rank, with its cores and a part of its host's memory.
void place_real(const RealModels& real, ReplayPlan& plan) {
  std::map<std::string, int> on_host;
  for (std::size_t rank = 0; rank < real.cores.size(); ++rank) {
    if (real.cores[rank] == 0) continue;
    plan.rank_of_device.push_back(static_cast<int>(rank));
    ++on_host[real.hosts[rank]];
  }
  double memory = std::numeric_limits<double>::infinity();
  for (const auto& [host, count] : on_host) {
    const double there =
        std::min(plan.profile.device.memory, static_cast<double>(real.free_memory.at(host)));
    memory = std::min(memory, there / count);
  }
  const auto devices = static_cast<double>(plan.rank_of_device.size());
  std::map<int, int> kinds;
  for (const int rank : plan.rank_of_device) ++kinds[real.cores[static_cast<std::size_t>(rank)]];
  plan.fleet_spec.name = "as it is";
  for (const auto& [cores, count] : kinds) {
    plan.fleet_spec.classes.push_back({.name = fmt::format("{} cores", cores),
                                       .share = count / devices,
                                       .cores = cores,
                                       .memory = memory});
  }
  if (const std::string problem = problem_of(plan.fleet_spec, plan.profile); !problem.empty()) {
    throw_input_error("devices do not fit profile '{}': {}", plan.profile.name, problem);
  }
}

/// Which stream of the job serves a stream of the workload: that of the network's name.
std::size_t job_stream_of(const RealModels& real, const std::string& network) {
  if (std::find(real.complete.begin(), real.complete.end(), network) != real.complete.end()) {
    throw_input_error(
        "the workload asks for '{}', of which all rows are done: name another output for this "
        "stream",
        network);
  }
  const auto found = std::find(real.streams.begin(), real.streams.end(), network);
  if (found == real.streams.end()) {
    throw_input_error(
        "the workload asks for network '{}', and the job has no stream of this name: "
        "expected one of {}",
        network, fmt::join(real.streams, ", "));
  }
  return static_cast<std::size_t>(found - real.streams.begin());
}

/// What is measured on one device says nothing of another.
void check_device(const npu_model::Profile& profile, const RealModels& real) {
  if (profile.measured_on.empty() || profile.measured_on == real.device) return;
  throw_input_error(
      "profile '{}' was measured on '{}', and this device is '{}': measure it with `widepipe "
      "profile`, or take 'measured_on' out of the profile if they are alike",
      profile.name, profile.measured_on, real.device);
}

/// All rows that are to be computed, of all streams of the job.
rl::WorkloadSpec whole_job(const RealModels& real, const npu_model::Profile& profile) {
  rl::WorkloadSpec workload;
  workload.name = "bulk";
  workload.bulk = true;
  workload.networks = real.streams;
  if (const std::string problem = problem_of(workload, profile); !problem.empty()) {
    throw_input_error("the streams of the job are to be networks of profile '{}': {}", profile.name,
                      problem);
  }
  return workload;
}

/// The data sets are what they are: they last as long as that takes.
void take_real_rows(const RealModels& real, ReplayPlan& plan) {
  if (plan.workload.variants > 1) {
    throw_input_error(
        "workload '{}' has {} variants of each network, and a job has one model of each",
        plan.workload.name, plan.workload.variants);
  }
  for (schedule::StreamId id = 0; id < plan.streams.size(); ++id) {
    plan.streams[id].rows = static_cast<std::size_t>(real.rows[plan.job_stream[id]]);
  }
  plan.latest_end = std::numeric_limits<schedule::Seconds>::infinity();
}

/// How long these rows take at the rate of the plan.
schedule::Seconds duration_of_rows(const RealModels& real, const ReplayPlan& plan) {
  std::int64_t rows = 0;
  for (const std::string& network : plan.workload.networks) {
    rows += real.rows[job_stream_of(real, network)];
  }
  if (rows == 0) {
    throw_input_error(
        "no row is left to compute: `widepipe score` with this job records what is missing");
  }
  return static_cast<double>(rows) / plan.settings.rate;
}

}  // namespace

ReplayPlan make_replay_plan(const ReplayCommand& command, int ranks, const RealModels* real) {
  ReplayPlan plan;
  plan.profile = load_profile(command.profile);
  if (real != nullptr) check_device(plan.profile, *real);
  plan.workload = real != nullptr && command.workload == "bulk"
                      ? whole_job(*real, plan.profile)
                      : load_workload(command.workload, plan.profile);
  if (real != nullptr) {
    place_real(*real, plan);
  } else {
    place_emulated(command, ranks, plan);
  }
  plan.settings = {.duration = command.seconds,
                   .devices = static_cast<int>(plan.rank_of_device.size()),
                   .seed = command.seed};
  simulated_policy(command.policy).set(plan.settings);
  if (plan.settings.true_speeds) {
    throw_input_error(
        "policy '{}' is told how fast devices are, which nobody knows live: only simulate has it",
        command.policy);
  }
  plan.bound = bound_of(plan.profile, plan.workload, plan.fleet_spec, plan.settings);
  plan.settings.rate = rl::asked_rate(plan.workload, plan.bound, command.rate, command.load);
  if (real != nullptr && plan.workload.bulk) {
    plan.settings.duration = duration_of_rows(*real, plan);
  }
  plan.settings = for_workload(plan.settings, plan.workload);
  plan.streams = streams_of_run(plan.profile, plan.workload, plan.settings);
  plan.fleet = fleet_of_run(plan.profile, plan.fleet_spec, plan.settings);
  plan.latest_end = latest_end(plan.workload, plan.settings);
  if (real != nullptr) {
    for (std::size_t i = 0; i < plan.rank_of_device.size(); ++i) {  // not in any order
      plan.fleet.devices[i].cores = real->cores[static_cast<std::size_t>(plan.rank_of_device[i])];
    }
    for (const rl::WorkloadStream& stream : plan.streams) {
      const auto network = static_cast<std::size_t>(stream.network);
      plan.job_stream.push_back(job_stream_of(*real, plan.profile.networks[network].name));
    }
    if (plan.workload.bulk) take_real_rows(*real, plan);
  }
  plan.cluster = make_cluster(plan.profile, plan.streams, plan.fleet);
  return plan;
}

double bound_of_rows(const ReplayPlan& plan) {
  double rows = 0;
  for (const rl::WorkloadStream& stream : plan.streams) rows += static_cast<double>(stream.rows);
  std::vector<npu_model::BoundStream> streams;
  for (const rl::WorkloadStream& stream : plan.streams) {
    streams.push_back({stream.network, static_cast<double>(stream.rows) / rows, stream.slo});
  }
  std::vector<npu_model::BoundDevice> devices;
  for (const npu_model::FleetDevice& device : plan.fleet.devices) {
    devices.push_back({1, device.speed, device.cores});
  }
  return npu_model::fluid_bound(plan.profile, devices, streams);
}

}  // namespace widepipe::jobs
