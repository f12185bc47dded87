#include "cli/plan_options.h"

#include <vector>

#include "cli/number_range.h"
#include "cli/score_options.h"

namespace widepipe::cli {

void add_plan(CLI::App& app, jobs::PlanCommand& plan) {
  CLI::App& verb = *app.add_subcommand(
      "plan", "Time a job for a few seconds and say how long it takes on how many nodes");
  add_job_options(verb, plan.score);
  std::vector<CLI::Option*> options_of_score = verb.get_options();
  std::erase(options_of_score, verb.get_option("--report"));  // the plan's
  verb.add_option("--nodes", plan.nodes, "Numbers of nodes to estimate for [1,2,4,8,16,32,64]")
      ->check(CLI::Range(1, jobs::kMostNodes))
      ->delimiter(',')
      ->type_name("N,...");
  verb.add_option("--within", plan.within,
                  "Suggest the fewest nodes that end in such a time [1:00:00]")
      ->type_name("TIME");
  verb.add_option("--seconds", plan.seconds, "How long to time the job, about [10]")
      ->check(number_from(0.1, jobs::kLongestTiming))
      ->type_name("S");
  verb.parse_complete_callback(
      [&plan, options_of_score] { plan.arguments = given_arguments(options_of_score); });
}

}  // namespace widepipe::cli
