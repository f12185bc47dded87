#include "jobs/simulate.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "core/console.h"
#include "core/cpu.h"
#include "core/error.h"
#include "core/in_parallel.h"
#include "jobs/batch_log.h"
#include "jobs/exit_codes.h"
#include "jobs/profile_file.h"
#include "jobs/report_file.h"
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
      load_fleet(command.fleet.empty() ? workload.fleet : command.fleet, profile);
  const SimulatedPolicy policy = simulated_policy(command.policy);
  if (!command.log.empty() && (command.seeds > 1 || command.find_goodput)) {
    throw_input_error("--log is for one run: it does not go with --seeds and --find-goodput");
  }
  check_report_file(command.report, {command.workload, command.fleet, command.profile,
                                     command.policy, command.log});
  check_report_file(command.log, {command.workload, command.fleet, command.profile, command.policy},
                    "--log");
  rl::SimulationSettings settings{
      .duration = command.seconds,
      .devices = command.devices,
      .rounds = {command.round_period_ms * kMilli, command.round_delay_ms * kMilli}};
  policy.set(settings);
  schedule::PolicyMaker as_set;
  if (!command.set.empty()) as_set = maker_with(policy, command.set);
  std::unique_ptr<BatchLogFile> log;
  if (!command.log.empty()) {
    settings.seed = command.seed;
    log = std::make_unique<BatchLogFile>(command.log, streams_of_run(profile, workload, settings));
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
    const schedule::PolicyMaker make =
        as_set ? as_set : tuner.maker(policy, workload, fleet, "", mine);
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
  return kDone;
}

}  // namespace widepipe::jobs
