#include "jobs/simulated_policies.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <ranges>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "jobs/built_in_files.h"
#include "jobs/policy_file.h"
#include "schedule/learned_policy.h"
#include "schedule/qlearning_policy.h"

namespace widepipe::jobs {
namespace {

using Search = SimulatedPolicy::Search;
using Tuned = SimulatedPolicy::Tuned;

/// What is tuned in advance is tuned on a run of its own, with a seed that no evaluation has.
constexpr std::uint64_t kTuningSeed = 0x7475'6e65;
constexpr double kTuningSeconds = 4;
/// More of them change little, and take long.
constexpr int kTuningDevices = 100;

SimulatedPolicy learned(const std::string& name, const std::string& name_or_file) {
  return {.name = name,
          .base = name,
          .what = "greedy-estimated, whose constants follow what is seen as it has learned",
          .learned = name_or_file};
}

constexpr std::string_view kWithout = "-without-";

/// A name, and that of the part that it is without.
struct SplitName {
  explicit SplitName(const std::string& whole) : base(whole) {
    const std::size_t cut = whole.rfind(kWithout);
    if (cut == std::string::npos || whole.ends_with(".toml")) return;
    if (whole.find('/', cut) != std::string::npos) return;
    base = whole.substr(0, cut);
    part = whole.substr(cut + kWithout.size());
  }

  std::string base;
  std::optional<std::string> part;
};

const SimulatedPolicy* policy_named(const std::string& name) {
  const std::vector<SimulatedPolicy>& all = simulated_policies();
  const auto found = std::ranges::find(all, name, &SimulatedPolicy::name);
  return found == all.end() ? nullptr : &*found;
}

std::optional<schedule::Part> part_named(std::string_view name) {
  const auto found = std::ranges::find(schedule::parts(), name, &schedule::NamedPart::name);
  if (found == schedule::parts().end()) return std::nullopt;
  return found->part;
}

schedule::PolicyMaker cut_down(const SimulatedPolicy& policy, schedule::PolicyMaker whole) {
  if (!policy.without) return whole;
  return [part = *policy.without, whole = std::move(whole)] {
    return schedule::without(part, whole());
  };
}

}  // namespace

const std::vector<SimulatedPolicy>& simulated_policies() {
  static const std::vector<SimulatedPolicy> policies = [] {
    std::vector<SimulatedPolicy> all;
    for (const schedule::NamedPolicy& policy : schedule::request_policies()) {
      all.push_back({.name = std::string(policy.name),
                     .base = std::string(policy.name),
                     .what = policy.what,
                     .told_speeds = policy.told_speeds,
                     .guarded = policy.guarded,
                     .tuned = policy.tuned ? Tuned::kBefore : Tuned::kNot});
    }
    all.push_back({.name = "static-central",
                   .what = "cores, batch, timeout and instances of each model are tuned in advance",
                   .guarded = false,
                   .search = Search::kStatic,
                   .tuned = Tuned::kBefore});
    all.push_back({.name = "static-lb",
                   .what = "the same behind a balancer, with queues for each device",
                   .guarded = false,
                   .balanced = true,
                   .search = Search::kStatic,
                   .tuned = Tuned::kBefore});
    all.push_back({.name = "static-hindsight",
                   .what = "static-central, tuned on the very run that is scored",
                   .guarded = false,
                   .search = Search::kStatic,
                   .tuned = Tuned::kHindsight});
    all.push_back({.name = "qlearning",
                   .what = "cores, instances and batch by a table that is learned in advance",
                   .guarded = false,
                   .search = Search::kQLearning,
                   .tuned = Tuned::kBefore});
    all.push_back(learned("learned", "default"));
    return all;
  }();
  return policies;
}

SimulatedPolicy simulated_policy(const std::string& name_or_file) {
  const SplitName split(name_or_file);
  const SimulatedPolicy* known = policy_named(split.base);
  if (known == nullptr && !is_toml_file(split.base)) {
    throw_input_error(
        "policy '{}' is not known: expected {}, or the file of a learned one, NAME.toml",
        split.base,
        fmt::join(simulated_policies() | std::views::transform(&SimulatedPolicy::name), ", "));
  }
  SimulatedPolicy policy = known != nullptr ? *known : learned(split.base, split.base);
  policy.name = name_or_file;
  if (split.part) {
    if (policy.tuned != Tuned::kNot) {
      throw_input_error("policy '{}': '{}' is tuned, so that it cannot be without what it has",
                        name_or_file, split.base);
    }
    policy.without = part_named(*split.part);
    if (!policy.without) {
      throw_input_error(
          "policy '{}': there is no part '{}': expected {}", name_or_file, *split.part,
          fmt::join(schedule::parts() | std::views::transform(&schedule::NamedPart::name), ", "));
    }
  }
  if (!policy.learned.empty()) {
    policy.parameters =
        std::make_shared<schedule::LearnedParameters>(load_policy(policy.learned).parameters);
  }
  return policy;
}

bool may_be_policy(const std::string& name_or_file) {
  const SplitName split(name_or_file);
  const SimulatedPolicy* known = policy_named(split.base);
  if (split.part && !part_named(*split.part)) return false;
  if (known != nullptr) return !split.part || known->tuned == Tuned::kNot;
  return is_toml_file(split.base);
}

schedule::PolicyMaker maker_with(const SimulatedPolicy& policy, std::span<const std::string> set) {
  if (!policy.learned.empty()) {
    throw_input_error("--set {}: policy '{}' has no parameters to set: they are learned",
                      set.front(), policy.name);
  }
  if (policy.search != Search::kParameters) {
    throw_input_error("--set {}: policy '{}' has no parameters, it is tuned in advance",
                      set.front(), policy.name);
  }
  const schedule::NamedPolicy& named = schedule::request_policy(policy.base);
  std::vector<double> values = named.usual();
  for (const std::string& one : set) {
    const std::size_t sign = std::min(one.find('='), one.size());
    const std::string_view name = std::string_view(one).substr(0, sign);
    std::vector<std::string_view> names;
    for (const schedule::PolicyParameter& known : named.parameters) names.push_back(known.name);
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      throw_input_error("--set {}: policy '{}' has no parameter '{}': expected {}", one,
                        policy.name, name,
                        names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
    }
    const auto place = static_cast<std::size_t>(found - names.begin());
    const schedule::PolicyParameter& parameter = named.parameters[place];
    const char* begin = one.c_str() + std::min(sign + 1, one.size());
    char* end = nullptr;
    const double value = std::strtod(begin, &end);
    const bool fits = value >= parameter.least && value <= parameter.most &&
                      (!parameter.whole || value == std::floor(value));
    if (end == begin || *end != '\0' || !fits) {
      throw_input_error("--set {}: expected {}={}, from {:g} to {:g}", one, name,
                        parameter.whole ? "WHOLE NUMBER" : "NUMBER", parameter.least,
                        parameter.most);
    }
    values[place] = value;
  }
  return cut_down(policy, named.maker(std::move(values)));
}

PolicyTuner::PolicyTuner(const npu_model::Profile& profile, int budget, std::vector<Tuning> known)
    : profile_(profile), budget_(budget), tunings_(std::move(known)) {}

schedule::PolicyMaker PolicyTuner::maker(const SimulatedPolicy& policy,
                                         const rl::WorkloadSpec& workload,
                                         const npu_model::FleetSpec& fleet,
                                         const std::string& inputs,
                                         const rl::SimulationSettings& settings) {
  return cut_down(policy, whole_maker(policy, workload, fleet, inputs, settings));
}

schedule::PolicyMaker PolicyTuner::whole_maker(const SimulatedPolicy& policy,
                                               const rl::WorkloadSpec& workload,
                                               const npu_model::FleetSpec& fleet,
                                               const std::string& inputs,
                                               const rl::SimulationSettings& settings) {
  if (!policy.learned.empty()) {
    const auto parameters =
        policy.parameters ? policy.parameters : simulated_policy(policy.name).parameters;
    return [parameters] { return std::make_unique<schedule::LearnedPolicy>(*parameters); };
  }
  if (policy.tuned == Tuned::kNot) {
    const schedule::NamedPolicy& named = schedule::request_policy(policy.base);
    return named.maker(named.usual());
  }
  Tuning task{.policy = std::string(policy.name),
              .workload = workload.name,
              .inputs = inputs,
              .devices = settings.devices,
              .seed = settings.seed,
              .budget = budget_,
              .found = {}};
  rl::Tuned found;
  if (policy.tuned == Tuned::kHindsight) {
    found = tuned(policy, std::move(task), workload, fleet, settings);
  } else {
    rl::SimulationSettings before = settings;
    before.seed = task.seed = kTuningSeed;
    if (workload.shuffled || workload.slo_factors.size() > 1) {
      // Which tenants are popular, and their SLOs, are known in advance.
      before.streams_seed = settings.seed;
      task.seed += settings.seed;
    }
    before.devices = task.devices = std::min(settings.devices, kTuningDevices);
    before.duration = kTuningSeconds;
    found = tuned(policy, std::move(task), rl::steady(workload), rl::steady(fleet), before);
  }
  switch (policy.search) {
    case Search::kStatic:
      return
          [settings = std::move(found.settings)] { return schedule::make_static_policy(settings); };
    case Search::kQLearning:
      return [table = std::make_shared<schedule::QTable>(std::move(found.parameters))] {
        return schedule::make_qlearning_policy(table);
      };
    case Search::kParameters:
      break;
  }
  return schedule::request_policy(policy.base).maker(std::move(found.parameters));
}

rl::Tuned PolicyTuner::tuned(const SimulatedPolicy& policy, Tuning task,
                             const rl::WorkloadSpec& workload, const npu_model::FleetSpec& fleet,
                             const rl::SimulationSettings& settings) {
  std::unique_lock lock(mutex_);
  std::mutex& mine = under_way_[fmt::format("{} {} {} {} {}", task.policy, task.workload,
                                            task.inputs, task.devices, task.seed)];
  lock.unlock();
  const std::lock_guard alone(mine);
  lock.lock();
  const auto known = std::find_if(tunings_.begin(), tunings_.end(),
                                  [&](const Tuning& other) { return other.same_task(task); });
  if (known != tunings_.end()) return known->found;
  lock.unlock();
  rl::LoadClimb climb(profile_, workload, fleet, settings, budget_);
  switch (policy.search) {
    case Search::kStatic:
      task.found = tune_static(climb);
      break;
    case Search::kQLearning:
      task.found = train_qlearning(climb);
      break;
    case Search::kParameters:
      task.found = tune_parameters(schedule::request_policy(policy.base), climb);
  }
  lock.lock();
  tunings_.push_back(task);
  return task.found;
}

std::vector<Tuning> PolicyTuner::tunings() const {
  const std::lock_guard lock(mutex_);
  return tunings_;
}

}  // namespace widepipe::jobs
