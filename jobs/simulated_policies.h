#pragma once
// The policies of simulations: those of schedule/request_policies.h, and those that are tuned.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "rl/goodput.h"
#include "rl/tuners.h"
#include "schedule/ablation.h"
#include "schedule/learned_policy.h"
#include "schedule/request_policies.h"

namespace widepipe::jobs {

struct SimulatedPolicy {
  std::string name;
  std::string base;  ///< as in NamedPolicy, if it is one of these
  std::string_view what;
  bool told_speeds = false;
  bool guarded = true;    ///< as in NamedPolicy
  bool balanced = false;  ///< behind a LoadBalancer
  enum class Search { kParameters, kStatic, kQLearning } search = Search::kParameters;
  enum class Tuned {
    kNot,
    kBefore,    ///< on the workload before anything changes, and another seed
    kHindsight  ///< on the very run that is scored: what no real one can be
  } tuned = Tuned::kNot;
  /// Of a learned one: its file, or the name of that.
  std::string learned;
  /// What simulated_policy() read in it; null if it is not learned, or in the list of all.
  std::shared_ptr<const schedule::LearnedParameters> parameters;

  std::optional<schedule::Part> without;

  /// What a simulation of it needs.
  void set(rl::SimulationSettings& settings) const {
    settings.balanced = balanced;
    settings.true_speeds = told_speeds && without != schedule::Part::kSpeeds;
    settings.scheduler.guard_deadlines = guarded && without != schedule::Part::kBatchSizes;
    settings.scheduler.estimate_speeds = without != schedule::Part::kSpeeds;
  }
};

const std::vector<SimulatedPolicy>& simulated_policies();
/// One of them, or of a policy file; of those that are not tuned, also NAME-without-PART. Throws
/// InputError: unknown, with the names that there are; a policy file that cannot be used.
SimulatedPolicy simulated_policy(const std::string& name_or_file);

/// Whether that would find one, but for what is in its file.
bool may_be_policy(const std::string& name_or_file);

/// With parameters as "name=value", and the usual ones else. Throws InputError: the policy has no
/// such parameter, or not with that value.
schedule::PolicyMaker maker_with(const SimulatedPolicy& policy, std::span<const std::string> set);

/// A search for settings, and what it found.
struct Tuning {
  std::string policy;
  std::string workload;
  std::string inputs;  ///< as of EvaluatedRun
  int devices = 0;
  std::uint64_t seed = 0;
  int budget = 0;  ///< of evaluations
  rl::Tuned found;

  /// What tells it from others.
  auto task() const { return std::tie(policy, workload, inputs, devices, seed, budget); }
  bool same_task(const Tuning& other) const { return task() == other.task(); }
};

/// Gives makers of policies, tuned where that is needed: each search once, whoever asks.
/// Thread-safe.
class PolicyTuner {
 public:
  /// `known`: searches that need not be made again.
  PolicyTuner(const npu_model::Profile& profile, int budget, std::vector<Tuning> known = {});

  /// For a run with these settings. `inputs` identifies workload and fleet.
  schedule::PolicyMaker maker(const SimulatedPolicy& policy, const rl::WorkloadSpec& workload,
                              const npu_model::FleetSpec& fleet, const std::string& inputs,
                              const rl::SimulationSettings& settings);

  std::vector<Tuning> tunings() const;

 private:
  schedule::PolicyMaker whole_maker(const SimulatedPolicy& policy, const rl::WorkloadSpec& workload,
                                    const npu_model::FleetSpec& fleet, const std::string& inputs,
                                    const rl::SimulationSettings& settings);
  rl::Tuned tuned(const SimulatedPolicy& policy, Tuning task, const rl::WorkloadSpec& workload,
                  const npu_model::FleetSpec& fleet, const rl::SimulationSettings& settings);

  const npu_model::Profile& profile_;
  const int budget_;
  mutable std::mutex mutex_;
  std::vector<Tuning> tunings_;
  std::map<std::string, std::mutex> under_way_;  ///< by what identifies a search
};

}  // namespace widepipe::jobs
