#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <sstream>

#include "cli/evaluate_options.h"
#include "cli/help_pages.h"
#include "cli/plan_options.h"
#include "cli/profile_options.h"
#include "cli/replay_options.h"
#include "cli/score_options.h"
#include "cli/simulate_options.h"
#include "cli/submit_options.h"
#include "cli/trace_options.h"
#include "cli/train_options.h"
#include "core/version.h"

namespace widepipe::cli {
namespace {

void add_inspect(CLI::App& app, CommandLine& command) {
  jobs::InspectOptions& inspect = command.inspect;
  CLI::App& verb = *app.add_subcommand(
      "inspect", "Show what is in a model, a data file or an output, and which devices there are");
  verb.add_option("target", inspect.target,
                  "FILE.onnx, FILE.h5, FILE.h5:/data, or the word 'devices'")
      ->required()
      ->type_name("TARGET");
  verb.add_option("--batch", inspect.batches, "Batch sizes to plan a model's memory for [1,8,64]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{65536}))
      ->delimiter(',')
      ->type_name("N,...");
  verb.add_option("--shape", inspect.shapes,
                  "Sizes of a row that the model leaves open, without the batch")
      ->type_name("[NAME=]3x224x224")
      ->take_all()
      ->expected(1);
  verb.add_option("--value", inspect.values, "A model input that is the same for every row")
      ->type_name("NAME=NUMBER[,..]")
      ->take_all()
      ->expected(1);
  verb.add_flag("--kernels", inspect.kernels, "List each node's kernel, and why others declined");
  verb.add_option("--isa", inspect.isa,
                  "Use no instruction set beyond this one [the processor's best]")
      ->type_name("sse41|avx2|avx512");
}

/// Verbs that print a page made of the others' options.
void add_pages(CLI::App& app, std::string& shell) {
  app.add_subcommand("completion", "Print a script that completes command lines in a shell")
      ->add_option("shell", shell, "The shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}))
      ->type_name("bash|zsh");
  app.add_subcommand("manual", "Print the manual page, for man(1)");
}

}  // namespace

Parsed parse(int argc, const char* const* argv) {
  Parsed parsed;
  CLI::App app{"widepipe: batch inference over MPI on clusters of neural processing units"};
  app.name("widepipe");
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("widepipe {}", kVersion));
  app.footer(
      "Exit codes: 0 done; 1 finished with failed rows; 2 bad usage or input, nothing written;\n"
      "3 stopped early, resumable; 4 failed, resumable. Run `widepipe VERB --help` for a verb.");
  add_score(app, parsed.command.score);
  add_plan(app, parsed.command.plan);
  add_profile(app, parsed.command.profile);
  add_submit(app, parsed.command.submit);
  add_merge(app, parsed.command.merge);
  add_simulate(app, parsed.command.simulate);
  add_evaluate(app, parsed.command.evaluate);
  add_replay(app, parsed.command.replay);
  add_train(app, parsed.command.train);
  add_trace(app, parsed.command.trace);
  add_inspect(app, parsed.command);
  std::string shell;
  add_pages(app, shell);
  try {
    app.parse(argc, argv);
    parsed.command.verb = app.get_subcommands().front()->get_name();
    if (parsed.command.verb == "completion") parsed.text = completion(app, shell);
    if (parsed.command.verb == "manual") parsed.text = man_page(app);
    parsed.finished = !parsed.text.empty();
  } catch (const CLI::ParseError& error) {
    parsed.finished = true;
    const std::string first = argc > 1 ? argv[1] : "";
    if (app.get_subcommands().empty() && !first.empty() && first.front() != '-') {
      parsed.exit_code = 2;
      parsed.text = fmt::format(
          "widepipe: verb '{}' is not known: expected score, plan, profile, submit, merge, "
          "simulate, evaluate, replay, train, trace, inspect, completion or manual; see `widepipe "
          "--help`\n",
          first);
      return parsed;
    }
    if (error.get_exit_code() == 0) {  // help or version
      std::ostringstream out;
      app.exit(error, out, out);
      parsed.text = out.str();
      return parsed;
    }
    parsed.exit_code = 2;
    const auto verbs = app.get_subcommands();
    parsed.text = fmt::format("widepipe: {}; see `widepipe {}--help`\n", error.what(),
                              verbs.empty() ? "" : verbs.front()->get_name() + " ");
  }
  return parsed;
}

}  // namespace widepipe::cli
