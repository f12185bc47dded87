#include "cli/simulate_options.h"

#include <string>

#include "cli/simulation_options.h"
#include "jobs/simulated_policies.h"

namespace widepipe::cli {

void add_simulate(CLI::App& app, jobs::SimulateCommand& simulate) {
  CLI::App& verb = *app.add_subcommand(
      "simulate", "Serve a stream of requests on emulated NPUs, in a simulation");
  verb.add_option("--workload", simulate.workload,
                  "What arrives: A3, A5, A10, D, E, F, G, bulk, a file, or a trace [A5]")
      ->type_name("NAME|FILE.toml|TRACE.h5");
  verb.add_option("--fleet", simulate.fleet,
                  "The devices: nominal, mixed, troubled, small, or a file [the workload's]")
      ->type_name("NAME|FILE.toml");
  std::string policies;
  for (const jobs::SimulatedPolicy& policy : jobs::simulated_policies()) {
    policies += (policies.empty() ? "" : ", ") + std::string(policy.name);
  }
  verb.add_option("--policy", simulate.policy, "Who decides: " + policies + " [greedy-estimated]")
      ->type_name("NAME");
  verb.add_option("--devices", simulate.devices, "How many devices [32]")
      ->check(CLI::Range(1, 100'000))
      ->type_name("N");
  CLI::Option* load =
      verb.add_option("--load", simulate.load,
                      "Requests, as a share of the fluid bound [0.6; a trace as it is]")
          ->check(CLI::Range(0.001, 100.0))
          ->type_name("SHARE");
  CLI::Option* rate = verb.add_option("--rate", simulate.rate, "Requests a second, instead")
                          ->check(CLI::Range(0.001, 1e9))
                          ->type_name("N")
                          ->excludes(load);
  verb.add_flag("--find-goodput", simulate.find_goodput,
                "Search the highest load that passes, instead")
      ->excludes(load)
      ->excludes(rate);
  verb.add_option("--seed", simulate.seed, "Of all that is random [1]")->type_name("N");
  verb.add_option("--seeds", simulate.seeds, "So many runs, of this seed and the next ones [1]")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N");
  verb.add_option("--log", simulate.log,
                  "A line for each batch: why it was closed, and what was known")
      ->type_name("FILE.csv");
  add_simulation_options(verb, simulate);
  verb.add_option("--report", simulate.report, "The numbers, for machines")->type_name("FILE.json");
}

}  // namespace widepipe::cli
