#pragma once
// The goodput of policies on workloads, run by run, and what the runs come to. In a file, so that
// an evaluation that was stopped goes on where it was.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "jobs/simulated_policies.h"

namespace widepipe::jobs {

/// What all runs of an evaluation share; a file of another one is refused.
struct EvaluationSettings {
  std::string profile;
  double seconds = 0;    ///< of arrivals
  double precision = 0;  ///< of the search, as a share of the bound
  double round_period = 0;
  double round_delay = 0;
  int evaluations = 0;  ///< of a search for settings

  bool operator==(const EvaluationSettings&) const = default;
};

/// One search of the highest load that passes.
struct EvaluatedRun {
  std::string workload;
  std::string policy;
  int devices = 0;
  std::uint64_t seed = 0;
  std::string inputs;     ///< a hash of the texts of profile, workload and fleet
  std::string learned;    ///< policy_hash() of a policy that is; else empty
  double goodput = 0;     ///< requests a second
  double bound = 0;       ///< likewise
  double attainment = 0;  ///< at that load; 0 if no load passes

  /// What tells it from others.
  auto task() const { return std::tie(workload, policy, devices, seed, inputs, learned); }
  bool same_task(const EvaluatedRun& other) const { return task() == other.task(); }
};

/// A mean over seeds, and its 95 % confidence interval by Student's t; none for one seed.
struct Estimated {
  double mean = 0;
  std::optional<double> half_width;
};
Estimated estimate_mean(const std::vector<double>& samples);

/// A policy on a workload, over all seeds.
struct EvaluatedResult {
  std::string workload;
  std::string policy;
  int devices = 0;
  int seeds = 0;
  Estimated per_device;  ///< goodput: requests a second a device
  Estimated share;       ///< of the bound
  double attainment = 0;
  /// Its goodput by that of the first policy, seed by seed.
  Estimated ratio;
};

/// By workload, devices and policy, in the order in which each first appears. Seeds without a run
/// of the first policy, `reference`, do not count in ratios.
std::vector<EvaluatedResult> results_of(const std::vector<EvaluatedRun>& runs,
                                        const std::string& reference);

/// All that was made so far.
struct EvaluationRecord {
  std::vector<EvaluatedRun> runs;
  std::vector<Tuning> tunings;
};

/// Of a report that is there already; nothing if there is no file. Throws InputError: no such
/// report, one with other settings, with the difference, or with what no evaluation writes.
EvaluationRecord read_evaluation(const std::string& path, const EvaluationSettings& settings);

std::string evaluation_json(const EvaluationSettings& settings, const EvaluationRecord& record,
                            const std::string& reference);
std::string evaluation_text(const std::vector<EvaluatedResult>& results,
                            const std::string& reference);

}  // namespace widepipe::jobs
