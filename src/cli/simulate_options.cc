#include "cli/simulate_options.h"

#include "cli/number_range.h"
#include "cli/simulation_options.h"

namespace widepipe::cli {

void add_simulate(CLI::App& app, jobs::SimulateCommand& simulate) {
  CLI::App& verb = *app.add_subcommand(
      "simulate", "Serve a stream of requests on emulated NPUs, in a simulation");
  add_workload_options(verb, simulate, false);
  verb.add_option("--devices", simulate.devices, "How many devices [32]")
      ->check(CLI::Range(1, 100'000))
      ->type_name("N");
  const auto [load, rate] = add_load_options(verb, simulate);
  verb.add_flag("--find-goodput", simulate.find_goodput,
                "Search the highest load that passes, instead")
      ->excludes(load)
      ->excludes(rate);
  verb.add_option("--seed", simulate.seed, "Of all that is random [1]")
      ->check(not_negative)
      ->type_name("N");
  verb.add_option("--seeds", simulate.seeds, "So many runs, of this seed and the next ones [1]")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N");
  verb.add_option("--log", simulate.log,
                  "A line for each batch: why it was closed, and what was known")
      ->type_name("FILE.csv");
  verb.add_option("--plans", simulate.plans,
                  "A line for each stream and plan: what was seen, and what is wanted")
      ->type_name("FILE.csv");
  add_simulation_options(verb, simulate);
  verb.add_option("--report", simulate.report, "The numbers, for machines")->type_name("FILE.json");
}

}  // namespace widepipe::cli
