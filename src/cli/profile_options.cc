#include "cli/profile_options.h"

#include "cli/number_range.h"
#include "cli/score_options.h"

namespace widepipe::cli {

void add_profile(CLI::App& app, jobs::ProfileCommand& profile) {
  CLI::App& verb = *app.add_subcommand(
      "profile", "Measure how fast a device runs a job's models, for simulations and schedulers");
  add_job_options(verb, profile.score);
  verb.add_option("--save", profile.save, "The profile, as `simulate` and `replay` take it")
      ->required()
      ->type_name("FILE.toml");
  verb.add_option("--max-batch", profile.max_batch, "The largest batch to time [32]")
      ->check(CLI::Range(2, 4096))
      ->type_name("N");
  verb.add_option("--seconds", profile.seconds, "How long to time them, about [30]")
      ->check(number_from(0.1, 3600.0))
      ->type_name("S");
}

}  // namespace widepipe::cli
