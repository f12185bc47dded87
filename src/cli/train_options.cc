#include "cli/train_options.h"

#include "cli/number_range.h"

namespace widepipe::cli {

void add_train(CLI::App& app, jobs::TrainCommand& train) {
  CLI::App& verb = *app.add_subcommand(
      "train", "Learn a scheduling policy by simulations, on all cores of all ranks");
  verb.add_option("--save", train.save,
                  "The policy, for --policy; beside it FILE.toml.checkpoint, from which the same "
                  "command goes on")
      ->required()
      ->type_name("FILE.toml");
  CLI::Option* minutes = verb.add_option("--minutes", train.minutes, "How long to learn [60]")
                             ->check(number_from(0.01, 1e5))
                             ->type_name("N");
  verb.add_option("--generations", train.generations, "How many generations to learn, instead")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N")
      ->excludes(minutes);
  verb.add_option("--seed", train.seed, "Of the search; scenarios are always the same [1]")
      ->check(CLI::Range(0, 2'000'000'000))
      ->type_name("N");
  verb.add_option("--candidates", train.candidates, "Policies in a generation [20]")
      ->check(CLI::Range(4, 10'000))
      ->type_name("N");
  verb.add_option("--scenarios", train.scenarios,
                  "Runs that all of them face, drawn at random [12]")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N");
  verb.add_option("--pool", train.pool,
                  "Different ones, over and over, and a third as many on few devices [450]")
      ->check(CLI::Range(1, 100'000))
      ->type_name("N");
  verb.add_option("--plain", train.plain,
                  "Generations that run only those of them that are plain, at first [60]")
      ->check(CLI::Range(0, 1'000'000))
      ->type_name("N");
  verb.add_option("--held-out", train.held_out,
                  "Others that it does not learn from, to see how it goes [96]")
      ->check(CLI::Range(1, 100'000))
      ->type_name("N");
  verb.add_option("--step", train.step, "Standard deviation of each parameter [0.05]")
      ->check(number_from(1e-6, 10.0))
      ->type_name("X");
  verb.add_option("--start", train.start,
                  "The policy to begin with: default, or a file [greedy-estimated]")
      ->type_name("NAME|FILE.toml");
  verb.add_option("--profile", train.profile, "The kind of NPU, or a file [npu]")
      ->type_name("NAME|FILE.toml");
  verb.add_option("--report", train.report, "The learning curve, for machines")
      ->type_name("FILE.json");
}

}  // namespace widepipe::cli
