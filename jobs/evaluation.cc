#include "jobs/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/version.h"
#include "dataset/posix_file.h"
#include "jobs/built_in_files.h"
#include "jobs/json_fields.h"
#include "jobs/tuning_record.h"
#include "report/text_table.h"

namespace widepipe::jobs {
namespace {

using Json = nlohmann::ordered_json;

/// The 97.5 % quantiles of Student's t, by degrees of freedom from 1 on; then the normal's.
double student_t(std::size_t freedom) {
  constexpr std::array kQuantiles = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                     2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                     2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                                     2.060,  2.056, 2.052, 2.048, 2.045, 2.042};
  return freedom <= kQuantiles.size() ? kQuantiles[freedom - 1] : 1.96;
}

Json interval_json(const Estimated& estimated) {
  if (!estimated.half_width) return nullptr;
  return {estimated.mean - *estimated.half_width, estimated.mean + *estimated.half_width};
}

std::string plus_minus(const Estimated& estimated, int digits) {
  if (!estimated.half_width) return fmt::format("{:.{}f}", estimated.mean, digits);
  return fmt::format("{:.{}f} +- {:.{}f}", estimated.mean, digits, *estimated.half_width, digits);
}

Json settings_json(const EvaluationSettings& settings) {
  return {{"widepipe_version", kVersion},
          {"profile", settings.profile},
          {"seconds", settings.seconds},
          {"precision", settings.precision},
          {"round_period_seconds", settings.round_period},
          {"round_delay_seconds", settings.round_delay},
          {"evaluations", settings.evaluations}};
}

Json run_json(const EvaluatedRun& run) {
  Json json = {{"workload", run.workload},
               {"policy", run.policy},
               {"devices", run.devices},
               {"seed", run.seed},
               {"inputs", run.inputs},
               {"goodput_requests_per_second", run.goodput},
               {"bound_requests_per_second", run.bound},
               {"attainment", run.attainment}};
  if (!run.learned.empty()) json["learned"] = run.learned;
  return json;
}

/// More than any fleet does, in requests a second.
constexpr double kMostRate = 1e15;
/// A search begins a little above the bound, and so may a run of few requests end.
constexpr double kMostShare = 1.1;

EvaluatedRun run_of(const Json& json, std::string where) {
  const JsonFields fields(json, std::move(where));
  EvaluatedRun run{
      .workload = fields.text("workload"),
      .policy = fields.text("policy"),
      .devices = fields.whole("devices", 1, std::numeric_limits<int>::max()),
      .seed = fields.whole("seed", std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max()),
      .inputs = fields.text("inputs"),
      .learned = json.contains("learned") ? fields.text("learned") : "",
      .goodput = fields.number("goodput_requests_per_second", kMostRate),
      .bound = fields.number("bound_requests_per_second", kMostRate),
      .attainment = fields.number("attainment", 1)};
  if (!may_be_policy(run.policy)) fields.refuse("policy", "one that is known");
  if (!(run.bound > 0)) fields.refuse("bound_requests_per_second", "more than 0");
  if (run.goodput > kMostShare * run.bound) {
    fields.refuse("goodput_requests_per_second", fmt::format("at most the bound, {}", run.bound));
  }
  return run;
}

/// `what` says what they have in common.
template <typename Task>
void refuse_double_tasks(const std::vector<Task>& tasks, const std::string& where,
                         std::string_view what) {
  std::map<decltype(tasks.front().task()), std::size_t> found;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const auto [first, is_new] = found.try_emplace(tasks[i].task(), i);
    if (is_new) continue;
    throw_input_error("{}[{}] is there twice: {} are those of [{}]", where, i, what, first->second);
  }
}

Json result_json(const EvaluatedResult& result, const std::string& reference) {
  return {{"workload", result.workload},
          {"policy", result.policy},
          {"devices", result.devices},
          {"seeds", result.seeds},
          {"goodput_per_device", result.per_device.mean},
          {"ci95", interval_json(result.per_device)},
          {"share_of_bound", result.share.mean},
          {"share_of_bound_ci95", interval_json(result.share)},
          {"attainment", result.attainment},
          {"ratio_to", reference},
          {"ratio", result.ratio.mean},
          {"ratio_ci95", interval_json(result.ratio)}};
}

}  // namespace

Estimated estimate_mean(const std::vector<double>& samples) {
  if (samples.empty()) return {};
  const auto count = static_cast<double>(samples.size());
  Estimated estimated{std::accumulate(samples.begin(), samples.end(), 0.0) / count, std::nullopt};
  if (samples.size() < 2) return estimated;
  double squares = 0;
  for (const double sample : samples) {
    squares += (sample - estimated.mean) * (sample - estimated.mean);
  }
  estimated.half_width = student_t(samples.size() - 1) * std::sqrt(squares / (count - 1) / count);
  return estimated;
}

std::vector<EvaluatedResult> results_of(const std::vector<EvaluatedRun>& runs,
                                        const std::string& reference) {
  std::vector<EvaluatedResult> results;
  for (const EvaluatedRun& run : runs) {
    const bool known = std::any_of(results.begin(), results.end(), [&](const auto& result) {
      return result.workload == run.workload && result.policy == run.policy &&
             result.devices == run.devices;
    });
    if (!known) {
      results.push_back({run.workload, run.policy, run.devices, 0, {}, {}, 0, {}});
    }
  }
  for (EvaluatedResult& result : results) {
    std::vector<double> per_device;
    std::vector<double> share;
    std::vector<double> attainment;
    std::vector<double> ratio;
    for (const EvaluatedRun& run : runs) {
      if (run.workload != result.workload || run.policy != result.policy ||
          run.devices != result.devices) {
        continue;
      }
      per_device.push_back(run.goodput / run.devices);
      share.push_back(run.bound > 0 ? run.goodput / run.bound : 0);
      attainment.push_back(run.attainment);
      const auto other = std::find_if(runs.begin(), runs.end(), [&](const EvaluatedRun& one) {
        return one.policy == reference && one.workload == run.workload &&
               one.devices == run.devices && one.seed == run.seed && one.inputs == run.inputs;
      });
      if (other != runs.end() && other->goodput > 0) ratio.push_back(run.goodput / other->goodput);
    }
    result.seeds = static_cast<int>(per_device.size());
    result.per_device = estimate_mean(per_device);
    result.share = estimate_mean(share);
    result.attainment = estimate_mean(attainment).mean;
    result.ratio = estimate_mean(ratio);
  }
  std::stable_sort(results.begin(), results.end(), [](const auto& a, const auto& b) {
    return std::pair(a.devices, a.workload) < std::pair(b.devices, b.workload);
  });
  return results;
}

EvaluationRecord read_evaluation(const std::string& path, const EvaluationSettings& settings) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  const auto refuse = [&](const std::string& why) {
    throw_input_error(
        "report '{}' is there already, and is none of an evaluation{}: choose another file", path,
        why);
  };
  const std::optional<std::string> text = dataset::read_text(path);
  if (!text) throw_input_error("report '{}' cannot be read: {}", path, errno_text());
  Json json;
  try {
    json = Json::parse(*text);
  } catch (const Json::parse_error& error) {
    const auto end =
        text->begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, text->size()));
    refuse(fmt::format(", its line {} is no JSON", 1 + std::count(text->begin(), end, '\n')));
  } catch (const Json::exception& error) {  // a number that is too large
    refuse(fmt::format(", it cannot be read ({})", error.what()));
  }
  for (const char* key : {"settings", "runs", "tunings"}) {
    if (!json.is_object() || !json.contains(key)) refuse("");
  }
  const Json now = settings_json(settings);
  for (const auto& [key, value] : now.items()) {
    const Json then = json["settings"].contains(key) ? json["settings"][key] : Json();
    if (then == value) continue;
    throw_input_error(
        "report '{}' is there already, of an evaluation with {} {}, and this one has {}: choose "
        "another file",
        path, key, then.dump(), value.dump());
  }
  EvaluationRecord record;
  const JsonFields fields(json, fmt::format("report '{}'", path));
  for (const Json& run : fields.list("runs")) {
    record.runs.push_back(
        run_of(run, fmt::format("{}: runs[{}]", fields.where(), record.runs.size())));
  }
  for (const Json& tuning : fields.list("tunings")) {
    record.tunings.push_back(
        tuning_of(tuning, fmt::format("{}: tunings[{}]", fields.where(), record.tunings.size())));
  }
  refuse_double_tasks(record.runs, fields.where() + ": runs",
                      "workload, policy, devices, seed and inputs");
  refuse_double_tasks(record.tunings, fields.where() + ": tunings",
                      "policy, workload, inputs, devices, seed and budget");
  return record;
}

std::string evaluation_json(const EvaluationSettings& settings, const EvaluationRecord& record,
                            const std::string& reference) {
  Json json = {{"settings", settings_json(settings)},
               {"results", Json::array()},
               {"tunings", Json::array()},
               {"runs", Json::array()}};
  for (const EvaluatedResult& result : results_of(record.runs, reference)) {
    json["results"].push_back(result_json(result, reference));
  }
  for (const Tuning& tuning : record.tunings) json["tunings"].push_back(tuning_json(tuning));
  for (const EvaluatedRun& run : record.runs) json["runs"].push_back(run_json(run));
  return json.dump(2) + "\n";
}

std::string evaluation_text(const std::vector<EvaluatedResult>& results,
                            const std::string& reference) {
  using Align = report::TextTable::Align;
  report::TextTable table({{"workload"},
                           {"devices", Align::kRight},
                           {"policy"},
                           {"seeds", Align::kRight},
                           {"requests/s a device", Align::kRight},
                           {"of the bound", Align::kRight},
                           {"in SLO", Align::kRight},
                           {fmt::format("by {}", reference), Align::kRight}});
  for (const EvaluatedResult& result : results) {
    table.add({result.workload, std::to_string(result.devices), result.policy,
               std::to_string(result.seeds), plus_minus(result.per_device, 0),
               plus_minus(result.share, 3), fmt::format("{:.2f} %", 100 * result.attainment),
               result.ratio.mean > 0 ? plus_minus(result.ratio, 3) : "-"});
  }
  return table.text(1000);
}

}  // namespace widepipe::jobs
