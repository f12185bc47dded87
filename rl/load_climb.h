#pragma once

#include "rl/simulator.h"

namespace widepipe::rl {

/// By how much the pass rule is missed; 0 if it is met.
double shortfall(const Measures& measures, const PassRule& rule);

/// A search for a policy that bears a high load, one candidate after the other, all on the same
/// run: they are compared at a load that rises as soon as the best one passes it; on a data set, by
/// how long it takes. Deterministic.
class LoadClimb {
 public:
  /// `settings.rate` is not used. At most `budget` simulations. The references outlive this.
  LoadClimb(const npu_model::Profile& profile, const WorkloadSpec& workload,
            const npu_model::FleetSpec& fleet, const SimulationSettings& settings, int budget);

  /// True if the candidate is better than the best so far, or the first: now it is the best.
  bool try_candidate(const schedule::PolicyMaker& candidate);

  /// A simulation at a load of one's own, a share of the bound: of the budget, too.
  Measures run(const schedule::PolicyMaker& policy, double load);

  bool spent() const { return evaluations_ >= budget_; }
  int budget() const { return budget_; }
  int evaluations() const { return evaluations_; }
  /// The highest load that the best one passed, as a share of the bound; 0 if there was none.
  double share() const { return share_; }
  const schedule::Cluster& cluster() const { return cluster_; }
  /// Devices are planned for one by one, as if each were alone.
  bool balanced() const { return settings_.balanced; }
  /// Of all requests of the run, by model.
  const std::vector<double>& shares() const { return shares_; }

 private:
  double missed_by(const schedule::PolicyMaker& candidate);

  const npu_model::Profile& profile_;
  const WorkloadSpec& workload_;
  const npu_model::FleetSpec& fleet_;
  SimulationSettings settings_;
  const int budget_;
  const double bound_;
  const schedule::Cluster cluster_;
  const std::vector<double> shares_;
  double load_;    ///< at which candidates are compared: the first that is not passed
  double missed_;  ///< there, by the best
  double share_ = 0;
  int evaluations_ = 0;
};

/// The workload and the fleet before anything changes, and the first third of a trace: what one
/// can tune for in advance.
WorkloadSpec steady(WorkloadSpec workload);
npu_model::FleetSpec steady(npu_model::FleetSpec fleet);

}  // namespace widepipe::rl
