#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <sstream>
#include <stdexcept>

#include "core/version.h"

namespace widepipe::cli {
namespace {

constexpr int kMostInstances = 1024;
constexpr std::int64_t kMostRows = std::int64_t{1} << 31;

/// "auto" is 0; otherwise a number of rows.
void add_batch(CLI::App& verb, std::int64_t& rows) {
  verb.add_option_function<std::string>(
          "--batch",
          [&rows](const std::string& text) {
            if (text == "auto") {
              rows = 0;
              return;
            }
            std::size_t used = 0;
            try {
              rows = std::stoll(text, &used);
            } catch (const std::exception&) {
              used = 0;
            }
            if (used != text.size() || rows < 1 || rows > kMostRows) {
              throw CLI::ValidationError(
                  "--batch", fmt::format("expected a number of rows from 1 to {}, or 'auto'; "
                                         "found '{}'",
                                         kMostRows, text));
            }
          },
          "Rows in a batch, or 'auto' to follow the measured time of a batch [auto]")
      ->type_name("N|auto");
}

std::int64_t row_number(const std::string& text) {
  std::int64_t row = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, row);
  if (error != std::errc() || stop != end || row < 0) throw std::invalid_argument(text);
  return row;
}

/// "A:B", either end may be left out.
void add_rows(CLI::App& verb, dataset::RowWindow& window) {
  verb.add_option_function<std::string>(
          "--rows",
          [&window](const std::string& text) {
            try {
              const std::size_t colon = text.find(':');
              if (colon == std::string::npos) throw std::invalid_argument(text);
              if (colon > 0) window.first = row_number(text.substr(0, colon));
              if (colon + 1 < text.size()) window.end = row_number(text.substr(colon + 1));
            } catch (const std::invalid_argument&) {
              throw CLI::ValidationError(
                  "--rows",
                  fmt::format("expected A:B, from row A up to before row B, as in 0:1000, "
                              "5000: or :10; found '{}'",
                              text));
            }
          },
          "Only the rows from A up to before B, counted from 0 [all]")
      ->type_name("A:B");
  verb.add_option("--limit", window.limit, "At most so many rows [all]")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
}

void add_score(CLI::App& app, CommandLine& command) {
  jobs::ScoreOptions& score = command.score;
  CLI::App& verb = *app.add_subcommand("score", "Run a model over every row of an HDF5 data set");
  verb.add_option("-m,--model", score.model, "The model")->required()->type_name("FILE.onnx");
  verb.add_option("-i,--input", score.inputs,
                  "The rows: axis 0 of this data set. FILE may hold wildcards, or be @LIST, a text "
                  "file with a file name a line. With several model inputs, once for each, as "
                  "NAME=FILE.h5:/data")
      ->required()
      ->type_name("FILE.h5:/data")
      ->take_all()
      ->expected(1);
  verb.add_option("-o,--output", score.output,
                  "Where the results go; with several model outputs, a group")
      ->required()
      ->type_name("FILE.h5:/data");
  add_rows(verb, score.window);
  add_batch(verb, score.batch_rows);
  verb.add_option_function<std::string>(
          "--rows-via", [&score](const std::string& via) { score.scatter_rows = via == "scatter"; },
          "How rows reach the ranks: each reads its own from the file, or rank 0 reads and "
          "scatters them [ranks]")
      ->check(CLI::IsMember({"ranks", "scatter"}))
      ->type_name("ranks|scatter");
  verb.add_option("--device", score.device, "Kind of device [cpu]")->type_name("KIND");
  verb.add_option("--instances", score.instances,
                  "Instances of the model on each rank's device [one for each share of cores]")
      ->check(CLI::Range(1, kMostInstances))
      ->type_name("N");
  verb.add_option("--cores", score.cores, "Cores of each instance [1]")
      ->check(CLI::Range(1, kMostInstances))
      ->type_name("N");
  verb.add_option("--isa", score.isa,
                  "Use no instruction set beyond this one [the processor's best]")
      ->type_name("sse41|avx2|avx512");
  verb.add_option("--report", score.report_file, "Write the run's numbers as JSON")
      ->type_name("FILE.json");
  verb.add_flag("--restart", score.restart,
                "Forget an earlier run's output and journal and begin anew");
  verb.add_flag("--allow-mixed", score.allow_mixed,
                "Let ranks, or a run and the run it resumes, differ in instruction set or version");
  verb.add_flag("--dedicated-scheduler", score.dedicated_scheduler,
                "Rank 0 schedules and owns no device [above 16 ranks]");
  verb.add_option("--round-period", score.round_period_ms,
                  "Longest time between rounds, in milliseconds [2]")
      ->check(CLI::Range(0.0, 10'000.0))
      ->check([](const std::string& text) {
        return text.find_first_of("nN") == std::string::npos ? std::string()
                                                             : "expected a number, found " + text;
      })
      ->type_name("MS");
  verb.add_flag("-q,--quiet", score.quiet, "Print errors only");
}

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
  verb.add_flag("--kernels", inspect.kernels, "List each node's kernel, and why others declined");
  verb.add_option("--isa", inspect.isa,
                  "Use no instruction set beyond this one [the processor's best]")
      ->type_name("sse41|avx2|avx512");
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
  add_score(app, parsed.command);
  add_inspect(app, parsed.command);
  try {
    app.parse(argc, argv);
    parsed.command.verb = app.get_subcommands().front()->get_name();
  } catch (const CLI::ParseError& error) {
    parsed.finished = true;
    const std::string first = argc > 1 ? argv[1] : "";
    if (app.get_subcommands().empty() && !first.empty() && first.front() != '-') {
      parsed.exit_code = 2;
      parsed.text = fmt::format(
          "widepipe: verb '{}' is not known: expected score or inspect; see `widepipe --help`\n",
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
