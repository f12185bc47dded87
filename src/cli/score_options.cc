#include "cli/score_options.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/number_range.h"
#include "jobs/allocation.h"

namespace widepipe::cli {
namespace {

using jobs::JobSettings;

/// An option that sets one of the job's settings, whatever the job file says.
template <typename Value>
CLI::Option* add_setting(CLI::App& verb, jobs::ScoreCommand& score, const std::string& name,
                         Value JobSettings::*setting, const std::string& help) {
  return verb.add_option_function<Value>(
      name,
      [&score, setting](const Value& value) {
        score.overrides.push_back([=](JobSettings& settings) { settings.*setting = value; });
      },
      help);
}

void add_switch(CLI::App& verb, jobs::ScoreCommand& score, const std::string& name,
                bool JobSettings::*setting, const std::string& help) {
  verb.add_flag_callback(
      name,
      [&score, setting] {
        score.overrides.push_back([=](JobSettings& settings) { settings.*setting = true; });
      },
      help);
}

/// "auto" is 0; otherwise a number of rows.
std::int64_t parse_batch(const std::string& text) {
  if (text == "auto") return 0;
  std::size_t used = 0;
  std::int64_t rows = 0;
  try {
    rows = std::stoll(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used != text.size() || rows < 1 || rows > jobs::kMostBatchRows) {
    throw CLI::ValidationError("--batch",
                               fmt::format("expected a number of rows from 1 to {}, or 'auto'; "
                                           "found '{}'",
                                           jobs::kMostBatchRows, text));
  }
  return rows;
}

void add_batch(CLI::App& verb, jobs::ScoreCommand& score) {
  verb.add_option_function<std::string>(
          "--batch",
          [&score](const std::string& text) {
            score.overrides.push_back(
                [rows = parse_batch(text)](JobSettings& settings) { settings.batch_rows = rows; });
          },
          "Rows in a batch, or 'auto' to follow the measured time of a batch [auto]")
      ->type_name("N|auto");
}

/// An option of two words, of which the second sets a switch.
void add_choice(CLI::App& verb, jobs::ScoreCommand& score, const std::string& name,
                bool JobSettings::*setting, const std::string& off, const std::string& on,
                const std::string& help) {
  verb.add_option_function<std::string>(
          name,
          [&score, setting, on](const std::string& word) {
            score.overrides.push_back(
                [=](JobSettings& settings) { settings.*setting = word == on; });
          },
          help)
      ->check(CLI::IsMember({off, on}))
      ->type_name(off + "|" + on);
}

void add_ways(CLI::App& verb, jobs::ScoreCommand& score) {
  add_choice(verb, score, "--rows-via", &JobSettings::scatter_rows, "ranks", "scatter",
             "How rows reach the ranks: each reads its own from the file, or rank 0 reads and "
             "scatters them [ranks]");
  add_choice(verb, score, "--write-via", &JobSettings::write_via_ranks, "gather", "ranks",
             "How results reach the file: rank 0 gathers and writes them, or each rank writes its "
             "own [gather]");
  add_choice(verb, score, "--on-nonfinite", &JobSettings::fail_nonfinite, "keep", "fail-row",
             "What to do with a row of which an output holds NaN or an infinity: keep it, or count "
             "it as failed [keep]");
}

void add_time_left(CLI::App& verb, jobs::ScoreCommand& score) {
  verb.add_option_function<std::string>(
          "--time-left",
          [&score](const std::string& text) {
            const std::optional<double> seconds = jobs::parse_time_limit(text);
            if (!seconds) {
              throw CLI::ValidationError(
                  "--time-left", fmt::format("expected a time as Slurm writes it: minutes, MM:SS, "
                                             "HH:MM:SS, D-HH:MM:SS or UNLIMITED; found '{}'",
                                             text));
            }
            score.overrides.push_back(
                [seconds](JobSettings& settings) { settings.seconds_left = seconds; });
          },
          "Stop in time, resumable, before so much has passed: what squeue -o %L prints [what "
          "Slurm's environment says, or no end]")
      ->type_name("TIME");
}

void add_shard(CLI::App& verb, jobs::ScoreCommand& score) {
  verb.add_option_function<std::string>(
          "--shard",
          [&score](const std::string& text) {
            const std::optional<dataset::Shard> shard = jobs::parse_shard(text);
            if (!shard) {
              throw CLI::ValidationError(
                  "--shard", fmt::format("expected I/N, as in 0/4 to 3/4, with N at most {}; found "
                                         "'{}'",
                                         jobs::kMostShards, text));
            }
            score.overrides.push_back([shard](JobSettings& settings) { settings.shard = shard; });
          },
          "Only part I, counted from 0, of N equal parts of the rows, to an output of its own that "
          "has the part in its name")
      ->type_name("I/N");
}

void add_rows(CLI::App& verb, dataset::RowWindow& window) {
  verb.add_option_function<std::string>(
          "--rows",
          [&window](const std::string& text) {
            const auto parsed = jobs::parse_row_window(text);
            if (!parsed) {
              throw CLI::ValidationError(
                  "--rows",
                  fmt::format("expected A:B, from row A up to before row B, as in 0:1000, "
                              "5000: or :10; found '{}'",
                              text));
            }
            window.first = parsed->first;
            window.end = parsed->end;
          },
          "Only the rows from A up to before B, counted from 0 [all]")
      ->type_name("A:B");
  verb.add_option("--limit", window.limit, "At most so many rows [all]")
      ->check(CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max()))
      ->type_name("N");
}

/// The job: a file, or one stream in short.
void add_job(CLI::App& verb, jobs::ScoreCommand& score) {
  verb.add_option("job,--job", score.job_file,
                  "A job file with any number of streams, instead of --model, --input, --output")
      ->type_name("JOB.toml");
  verb.add_option("-m,--model", score.model, "The model")->type_name("FILE.onnx");
  verb.add_option("-i,--input", score.inputs,
                  "The rows: axis 0 of this data set. FILE may hold wildcards, or be @LIST, a text "
                  "file with a file name a line. With several model inputs, once for each, as "
                  "NAME=FILE.h5:/data")
      ->type_name("FILE.h5:/data")
      ->take_all()
      ->expected(1);
  verb.add_option("--value", score.values,
                  "A model input that is the same for every row: one number, or one an element")
      ->type_name("NAME=NUMBER[,..]")
      ->take_all()
      ->expected(1);
  verb.add_option("-o,--output", score.output,
                  "Where the results go; with several model outputs, a group")
      ->type_name("FILE.h5:/data");
  verb.add_option("--form", score.forms,
                  "What is kept of the model's output: raw, softmax, argmax, or top5 or another "
                  "number. With several outputs, once for each that is kept, as NAME=FORM [raw]")
      ->type_name("FORM")
      ->take_all()
      ->expected(1);
  verb.add_option("--carry", score.carry,
                  "A data set, as keys or labels, whose rows go to the output as they are, under "
                  "the same path; may be given several times")
      ->type_name("FILE.h5:/data")
      ->take_all()
      ->expected(1);
  add_rows(verb, score.window);
  verb.callback([&verb, &score] {
    for (const auto& [name, needed] :
         {std::pair("--model", true), std::pair("--input", true), std::pair("--output", true),
          std::pair("--value", false), std::pair("--form", false), std::pair("--carry", false),
          std::pair("--rows", false), std::pair("--limit", false)}) {
      const bool given = verb.count(name) > 0;
      if (score.job_file.empty() && needed && !given) {
        throw CLI::ValidationError(name, "is required, unless there is a job file");
      }
      if (!score.job_file.empty() && given) {
        throw CLI::ValidationError(
            name, fmt::format("belongs to a job without a file, found the job file '{}'",
                              score.job_file));
      }
    }
  });
}

}  // namespace

void add_job_options(CLI::App& verb, jobs::ScoreCommand& score) {
  add_job(verb, score);
  add_batch(verb, score);
  add_ways(verb, score);
  add_setting(verb, score, "--device", &JobSettings::device,
              "What computes: cpu, the built-in device; openvino, or one of its devices as "
              "openvino:NPU; auto, which turns to openvino for a model that cpu cannot run [cpu]")
      ->type_name("KIND");
  add_setting(verb, score, "--precision", &JobSettings::precision,
              "In what openvino multiplies; 'auto' is its device's fastest [f32]")
      ->check(CLI::IsMember(
          std::vector<std::string>(std::begin(jobs::kPrecisions), std::end(jobs::kPrecisions))))
      ->type_name("f32|f16|bf16|auto");
  add_setting(verb, score, "--instances", &JobSettings::instances,
              "Instances of the model on each rank's device [one for each share of cores]")
      ->check(CLI::Range(1, jobs::kMostInstances))
      ->type_name("N");
  add_setting(verb, score, "--cores", &JobSettings::cores, "Cores of each instance [1]")
      ->check(CLI::Range(1, jobs::kMostInstances))
      ->type_name("N");
  add_setting(verb, score, "--isa", &JobSettings::isa,
              "Use no instruction set beyond this one [the processor's best]")
      ->type_name("sse41|avx2|avx512");
  add_setting(verb, score, "--report", &JobSettings::report_file, "Write the run's numbers as JSON")
      ->type_name("FILE.json");
  add_switch(verb, score, "--restart", &JobSettings::restart,
             "Forget an earlier run's output and journal and begin anew");
  add_switch(verb, score, "--retry-failed", &JobSettings::retry_failed,
             "Compute the rows that failed in earlier runs once more");
  verb.get_option("--retry-failed")->excludes("--restart");
  add_switch(verb, score, "--allow-mixed", &JobSettings::allow_mixed,
             "Let ranks, or a run and the run it resumes, differ in instruction set or version");
  add_switch(verb, score, "--dedicated-scheduler", &JobSettings::dedicated_scheduler,
             "Rank 0 schedules and owns no device [above 16 ranks]");
  add_setting(verb, score, "--round-period", &JobSettings::round_period_ms,
              "Longest time between rounds, in milliseconds [2]")
      ->check(number_from(0.0, jobs::kLongestRoundPeriodMs))
      ->type_name("MS");
  add_setting(verb, score, "--watchdog", &JobSettings::watchdog_seconds,
              "End the job, resumable, when a rank or its device has not answered for so many "
              "seconds; 0 never [60]")
      ->check(number_from(0.0, jobs::kLongestWatchdogSeconds))
      ->type_name("S");
  add_setting(verb, score, "--min-devices", &JobSettings::min_devices,
              "Refuse the job if fewer devices pass the start-up check [1]")
      ->check(CLI::Range(1, jobs::kMostDevices))
      ->type_name("N");
  add_switch(verb, score, "--trust-devices", &JobSettings::trust_devices,
             "Give devices work without the start-up check");
  add_setting(verb, score, "--recheck", &JobSettings::recheck_share,
              "Compute this share of the rows once more, on another device, and compare [0]")
      ->check(number_from(0.0, 1.0))
      ->type_name("SHARE");
  add_switch(verb, score, "-q,--quiet", &JobSettings::quiet, "Print errors only");
}

std::vector<std::string> given_arguments(const std::vector<CLI::Option*>& options) {
  std::vector<std::string> arguments;
  for (const CLI::Option* option : options) {
    if (option->count() == 0) continue;
    const std::string name = fmt::format("--{}", option->get_lnames().front());
    if (option->get_items_expected_max() == 0) {
      arguments.push_back(name);
      continue;
    }
    for (const std::string& value : option->results()) {
      arguments.push_back(fmt::format("{}={}", name, value));
    }
  }
  return arguments;
}

void add_score(CLI::App& app, jobs::ScoreCommand& score) {
  CLI::App& verb = *app.add_subcommand("score", "Run models over every row of HDF5 data sets");
  add_job_options(verb, score);
  add_time_left(verb, score);
  add_shard(verb, score);
  add_switch(verb, score, "--dry-run", &JobSettings::dry_run,
             "Check everything, say what would run and what it needs, and end");
}

}  // namespace widepipe::cli
