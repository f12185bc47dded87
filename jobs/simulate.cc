#include "jobs/simulate.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/console.h"
#include "core/cpu.h"
#include "core/error.h"
#include "core/in_parallel.h"
#include "jobs/exit_codes.h"
#include "jobs/learn_on.h"
#include "jobs/profile_file.h"
#include "jobs/report_file.h"
#include "jobs/run_logs.h"
#include "jobs/seconds_since.h"
#include "jobs/simulate_text.h"
#include "jobs/simulated_policies.h"
#include "jobs/workload_file.h"
#include "report/run_report.h"
#include "rl/goodput.h"

namespace widepipe::jobs {
namespace {

constexpr double kMilli = 1e-3;

}  // namespace

int run_simulate(const SimulateCommand& command) {
  const npu_model::Profile profile = load_profile(command.profile);
  const rl::WorkloadSpec workload = load_workload(command.workload, profile);
  const npu_model::FleetSpec fleet =
      load_fleet(command.fleet.empty() ? workload.fleet : command.fleet, profile, command.devices);
  const SimulatedPolicy policy = simulated_policy(command.policy);
  std::vector<std::string> files = {command.workload, command.fleet, command.profile, policy.base};
  for (const auto& [option, file] :
       {std::pair("--log", command.log), {"--plans", command.plans}, {"--learn", command.learn}}) {
    if (file.empty()) continue;
    if (command.seeds > 1 || command.find_goodput) {
      throw_input_error("{} is for one run: it does not go with --seeds and --find-goodput",
                        option);
    }
    check_report_file(file, files, option);
    files.push_back(file);
  }
  check_report_file(command.report, files);
  if (!command.plans.empty() && policy.balanced) {
    throw_input_error("--plans: policy '{}' has no plan of all devices", policy.name);
  }
  rl::SimulationSettings settings{
      .duration = command.seconds,
      .devices = command.devices,
      .rounds = {command.round_period_ms * kMilli, command.round_delay_ms * kMilli}};
  policy.set(settings);
  std::optional<LearnOn> learn;
  if (!command.learn.empty()) learn.emplace(policy, command.learn);
  schedule::PolicyMaker as_set;
  if (learn) as_set = learn->maker();
  if (!command.set.empty()) as_set = maker_with(policy, command.set);
  std::unique_ptr<BatchLogFile> log;
  std::unique_ptr<PlanLogFile> plans;
  if (!command.log.empty() || !command.plans.empty()) {
    settings.seed = command.seed;
    const std::vector<rl::WorkloadStream> streams = streams_of_run(profile, workload, settings);
    if (!command.log.empty()) log = std::make_unique<BatchLogFile>(command.log, streams);
    if (!command.plans.empty()) plans = std::make_unique<PlanLogFile>(command.plans, streams);
  }
  rl::BatchLog to_log;
  if (log) to_log = [&log](const schedule::ClosedBatch& batch) { log->add(batch); };

  PolicyTuner tuner(profile, command.evaluations);
  std::vector<SimulatedRun> runs(static_cast<std::size_t>(command.seeds));
  const auto start = std::chrono::steady_clock::now();
  in_parallel(runs.size(), read_cpu_budget().usable(), [&](std::size_t i) {
    SimulatedRun& run = runs[i];
    rl::SimulationSettings mine = settings;
    mine.seed = run.seed = command.seed + i;
    schedule::PolicyMaker make = as_set ? as_set : tuner.maker(policy, workload, fleet, "", mine);
    if (plans) make = [make, &plans] { return plans->logged(make()); };
    if (command.find_goodput) {
      rl::Goodput goodput = find_goodput(profile, workload, fleet, mine, make);
      run.rate = goodput.rate;
      run.bound = goodput.bound;
      run.runs = goodput.runs;
      run.measures = std::move(goodput.measures);
    } else {
      run.bound = bound_of(profile, workload, fleet, mine);
      run.rate = mine.rate = asked_rate(workload, run.bound, command.rate, command.load);
      run.measures = simulate(profile, workload, fleet, mine, make, to_log);
      if (workload.bulk) {
        run.rate = run.measures.throughput();
        run.bound = bulk_bound_of(profile, workload, fleet, mine);
      }
    }
  });
  if (log) log->finish();
  if (plans) plans->finish();
  const Simulated simulated{.workload = workload,
                            .fleet = fleet.name,
                            .policy = command.policy,
                            .devices = command.devices,
                            .seconds = runs.front().measures.duration > 0
                                           ? runs.front().measures.duration
                                           : command.seconds,
                            .round_period = settings.rounds.period,
                            .round_delay = settings.rounds.delay,
                            .found_goodput = command.find_goodput,
                            .wall_seconds = seconds_since(start),
                            .runs = std::move(runs)};
  say(stdout, simulated_text(simulated));
  if (!command.report.empty()) report::write_report(simulated_json(simulated), command.report);
  if (learn) learn->write();
  return kDone;
}

}  // namespace widepipe::jobs
