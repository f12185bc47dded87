#include "cli/evaluate_options.h"

#include "cli/number_range.h"
#include "cli/simulation_options.h"

namespace widepipe::cli {

void add_evaluate(CLI::App& app, jobs::EvaluateCommand& evaluate) {
  CLI::App& verb = *app.add_subcommand(
      "evaluate", "Find the goodput of policies on simulated workloads, over seeds");
  verb.add_option("--workloads", evaluate.workloads,
                  "What arrives: A3, A5, A10, D, E, F, G, bulk, files, or traces [A5,F]")
      ->delimiter(',')
      ->type_name("NAME|FILE,...");
  verb.add_option("--policies", evaluate.policies,
                  "Names; ratios are to the first [greedy-estimated,greedy]")
      ->delimiter(',')
      ->type_name("NAME,...");
  verb.add_option("--devices", evaluate.devices, "How many devices, each [32]")
      ->check(CLI::Range(1, 100'000))
      ->delimiter(',')
      ->type_name("N,...");
  verb.add_option("--precision", evaluate.precision,
                  "Of a goodput, as a share of the bound [0.005]")
      ->check(number_from(0.0001, 0.5))
      ->type_name("SHARE");
  verb.add_option("--seeds", evaluate.seeds, "How many runs of each [3]")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N");
  verb.add_option("--seed-base", evaluate.seed_base, "The first seed [1]")->type_name("N");
  add_simulation_options(verb, evaluate);
  verb.add_option("--report", evaluate.report,
                  "The numbers, for machines; runs that are in it are not made again")
      ->type_name("FILE.json");
  verb.add_flag("--quiet", evaluate.quiet, "No line for each run");
}

}  // namespace widepipe::cli
