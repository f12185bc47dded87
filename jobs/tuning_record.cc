#include "jobs/tuning_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "jobs/json_fields.h"
#include "jobs/number_list.h"
#include "schedule/qlearning_policy.h"

namespace widepipe::jobs {
namespace {

using Json = nlohmann::ordered_json;
using Search = SimulatedPolicy::Search;

constexpr int kMostInt = std::numeric_limits<int>::max();
/// Of a model on a device: far more than its memory holds.
constexpr int kMostInstances = 1000;
constexpr double kMostTimeout = 1e9;
/// A short run with few requests may pass above the bound, and the load rises while it does.
constexpr double kMostShare = 10;

std::vector<schedule::StaticSetting> settings_of(const JsonFields& fields) {
  std::vector<schedule::StaticSetting> settings;
  for (const Json& json : fields.list("settings")) {
    const JsonFields setting(json,
                             fmt::format("{}: settings[{}]", fields.where(), settings.size()));
    settings.push_back(
        {.choice = static_cast<std::uint32_t>(setting.whole("core_choice", 0, kMostInt)),
         .batch = setting.whole("batch", 1, kMostInt),
         .timeout = setting.number("timeout_seconds", kMostTimeout),
         .instances = setting.whole("instances", 1, kMostInstances),
         // Reports of earlier versions have none.
         .share = setting.has("share") ? setting.number("share", 1) : 0});
  }
  return settings;
}

void check_parameters(const Tuning& tuning, const std::string& where) {
  const std::vector<schedule::PolicyParameter>& known =
      schedule::request_policy(tuning.policy).parameters;
  const std::vector<double>& values = tuning.found.parameters;
  if (values.size() != known.size()) {
    throw_input_error("{}: {} parameters, expected {}", where, values.size(), known.size());
  }
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (values[i] >= known[i].least && values[i] <= known[i].most) continue;
    throw_input_error("{}: parameter {}, {}, is {}, expected {} to {}", where, i, known[i].name,
                      values[i], known[i].least, known[i].most);
  }
}

}  // namespace

Json tuning_json(const Tuning& tuning) {
  Json json = {{"policy", tuning.policy},
               {"workload", tuning.workload},
               {"inputs", tuning.inputs},
               {"devices", tuning.devices},
               {"seed", tuning.seed},
               {"budget", tuning.budget},
               {"evaluations", tuning.found.evaluations},
               {"share_of_bound", tuning.found.share},
               {"settings", Json::array()},
               {"parameters", numbers_text(tuning.found.parameters)}};
  for (const schedule::StaticSetting& setting : tuning.found.settings) {
    json["settings"].push_back({{"core_choice", setting.choice},
                                {"batch", setting.batch},
                                {"timeout_seconds", setting.timeout},
                                {"instances", setting.instances},
                                {"share", setting.share}});
  }
  return json;
}

Tuning tuning_of(const Json& json, std::string where) {
  JsonFields fields(json, std::move(where));
  Tuning tuning{.policy = fields.text("policy")};
  const auto& known = simulated_policies();
  const auto policy = std::find_if(known.begin(), known.end(), [&](const SimulatedPolicy& one) {
    return one.name == tuning.policy && one.tuned != SimulatedPolicy::Tuned::kNot;
  });
  if (policy == known.end()) fields.refuse("policy", "one that is tuned");
  fields.add_to_where(fmt::format(", of '{}'", tuning.policy));
  tuning.workload = fields.text("workload");
  tuning.inputs = fields.text("inputs");
  tuning.devices = fields.whole("devices", 1, kMostInt);
  tuning.seed = fields.whole("seed", std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max());
  tuning.budget = fields.whole("budget", 1, kMostInt);
  tuning.found = {.settings = settings_of(fields),
                  .parameters = numbers_of(fields.text("parameters"), fields.where()),
                  .share = fields.number("share_of_bound", kMostShare),
                  .evaluations = fields.whole("evaluations", 0, kMostInt)};
  if (policy->search == Search::kParameters) check_parameters(tuning, fields.where());
  return tuning;
}

std::string problem_of(const Tuning& tuning, const schedule::Cluster& cluster) {
  const Search search = simulated_policy(tuning.policy).search;
  const std::vector<schedule::StaticSetting>& settings = tuning.found.settings;
  if (search == Search::kStatic) {
    if (settings.size() != cluster.models.size()) {
      return fmt::format("{} settings, expected one for each of {} models", settings.size(),
                         cluster.models.size());
    }
    for (std::size_t model = 0; model < settings.size(); ++model) {
      const schedule::NetworkCosts& costs = *cluster.models[model].costs;
      if (settings[model].choice >= costs.core_choices().size()) {
        return fmt::format("settings[{}]: core_choice is {}, expected less than {}", model,
                           settings[model].choice, costs.core_choices().size());
      }
      if (settings[model].batch > costs.max_batch()) {
        return fmt::format("settings[{}]: batch is {}, expected at most {}", model,
                           settings[model].batch, costs.max_batch());
      }
    }
  }
  const std::size_t values = schedule::empty_q_table(cluster).size();
  if (search == Search::kQLearning && tuning.found.parameters.size() != values) {
    return fmt::format("{} numbers, expected a table of {}", tuning.found.parameters.size(),
                       values);
  }
  return "";
}

}  // namespace widepipe::jobs
