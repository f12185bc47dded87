#include "cli/replay_options.h"

#include <string>

#include "jobs/simulated_policies.h"

namespace widepipe::cli {

void add_replay(CLI::App& app, jobs::ReplayCommand& replay) {
  CLI::App& verb = *app.add_subcommand(
      "replay", "Serve a stream of requests live, over MPI, on the emulated NPUs of all ranks");
  verb.add_option("--workload", replay.workload,
                  "What arrives: A3, A5, A10, D, E, F, G, bulk, a file, or a trace [A5]")
      ->type_name("NAME|FILE.toml|TRACE.h5");
  verb.add_option("--fleet", replay.fleet,
                  "The devices: nominal, mixed, troubled, small, or a file [the workload's]")
      ->type_name("NAME|FILE.toml");
  verb.add_option("--profile", replay.profile, "The kind of NPU, or a file [npu]")
      ->type_name("NAME|FILE.toml");
  std::string policies;
  for (const jobs::SimulatedPolicy& policy : jobs::simulated_policies()) {
    if (policy.told_speeds) continue;
    policies += (policies.empty() ? "" : ", ") + std::string(policy.name);
  }
  verb.add_option("--policy", replay.policy, "Who decides: " + policies + " [greedy-estimated]")
      ->type_name("NAME");
  verb.add_option("--devices-per-rank", replay.devices_per_rank, "Emulated NPUs of a rank [4]")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N");
  verb.add_flag("--dedicated-scheduler", replay.dedicated_scheduler, "Rank 0 has no devices");
  verb.add_option("--time-scale", replay.time_scale, "Real seconds that an emulated one takes [1]")
      ->check(CLI::Range(1.0, 10'000.0))
      ->type_name("N");
  verb.add_option("--seconds", replay.seconds,
                  "How long requests arrive, in emulated time; not of traces [10]")
      ->check(CLI::Range(0.01, 1e6))
      ->type_name("S");
  CLI::Option* load =
      verb.add_option("--load", replay.load,
                      "Requests, as a share of the fluid bound [0.6; a trace as it is]")
          ->check(CLI::Range(0.001, 100.0))
          ->type_name("SHARE");
  verb.add_option("--rate", replay.rate, "Requests a second, emulated, instead")
      ->check(CLI::Range(0.001, 1e9))
      ->type_name("N")
      ->excludes(load);
  verb.add_option("--seed", replay.seed, "Of all that is random [1]")->type_name("N");
  verb.add_option("--round-period", replay.round_period_ms,
                  "Rounds leave at least every so many milliseconds, real ones [1]")
      ->check(CLI::Range(0.001, 1e4))
      ->type_name("MS");
  verb.add_option("--evaluations", replay.evaluations, "Simulations to tune a policy with [400]")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  verb.add_option("--watchdog", replay.watchdog_seconds,
                  "End when a rank has not answered for so many seconds; 0: never [60]")
      ->check(CLI::Range(0.0, 1e6))
      ->type_name("S");
  verb.add_option("--log", replay.log,
                  "A line for each batch: why it was closed, and what was known")
      ->type_name("FILE.csv");
  verb.add_option("--report", replay.report, "The numbers, for machines")->type_name("FILE.json");
}

}  // namespace widepipe::cli
