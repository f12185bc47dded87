#include "cli/replay_options.h"

#include "cli/number_range.h"
#include "cli/simulation_options.h"

namespace widepipe::cli {

void add_replay(CLI::App& app, jobs::ReplayCommand& replay) {
  CLI::App& verb = *app.add_subcommand(
      "replay", "Serve streams of requests live, over MPI, on emulated NPUs or by real models");
  add_workload_options(verb, replay, true);
  CLI::Option* job =
      verb.add_option(
              "--job", replay.job_file,
              "Real models on the cores of all ranks: those of this job. Its streams have the "
              "names of the profile's networks")
          ->type_name("FILE.toml")
          ->excludes(verb.get_option("--fleet"));
  verb.add_flag("--write", replay.write, "Their results go into the outputs of the job")
      ->needs(job);
  verb.add_option("--devices-per-rank", replay.devices_per_rank, "Emulated NPUs of a rank [4]")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N")
      ->excludes(job);
  verb.add_flag("--dedicated-scheduler", replay.dedicated_scheduler, "Rank 0 has no devices");
  verb.add_option("--time-scale", replay.time_scale, "Real seconds that an emulated one takes [1]")
      ->check(number_from(1.0, 10'000.0))
      ->type_name("N")
      ->excludes(job);
  add_load_options(verb, replay);
  verb.add_option("--seed", replay.seed, "Of all that is random [1]")
      ->check(not_negative)
      ->type_name("N");
  verb.add_option("--round-period", replay.round_period_ms,
                  "Rounds leave at least every so many milliseconds, real ones [1]")
      ->check(number_from(0.001, 1e4))
      ->type_name("MS");
  verb.add_option("--group-size", replay.group_size,
                  "Rounds go through groups of so many ranks; 1: straight to each rank [1]")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  add_emulation_options(verb, replay);
  job->needs(verb.get_option("--profile"));
  verb.add_option("--watchdog", replay.watchdog_seconds,
                  "End when a rank has not answered for so many seconds; 0: never [60]")
      ->check(number_from(0.0, 1e6))
      ->type_name("S");
  verb.add_option("--log", replay.log,
                  "A line for each batch: why it was closed, and what was known")
      ->type_name("FILE.csv");
  verb.add_option("--timeline", replay.timeline,
                  "Rounds, batches, queues of all ranks, for Perfetto or Chrome")
      ->type_name("FILE.json");
  verb.add_option("--report", replay.report, "The numbers, for machines")->type_name("FILE.json");
}

}  // namespace widepipe::cli
