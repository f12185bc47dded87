#include "rl/load_climb.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace widepipe::rl {
namespace {

constexpr double kFirstLoad = 0.1;

/// The load rises by so much of the bound, once it is passed.
double step_from(double load) {
  constexpr double kStep = 0.01;
  constexpr double kLow = 0.35;  // where nobody stays
  return load < kLow ? 2 * kStep : kStep;
}

}  // namespace

double shortfall(const Measures& measures, const PassRule& rule) {
  if (measures.passes(rule)) return 0;
  double sum = 0;
  for (const double share : measures.counted_shares(rule)) sum += std::max(rule.each - share, 0.0);
  return std::max(rule.all - measures.all().attainment(), 0.0) +
         sum / static_cast<double>(measures.streams.size());
}

LoadClimb::LoadClimb(const npu_model::Profile& profile, const WorkloadSpec& workload,
                     const npu_model::FleetSpec& fleet, const SimulationSettings& settings,
                     int budget)
    : profile_(profile),
      workload_(workload),
      fleet_(fleet),
      settings_(settings),
      budget_(budget),
      bound_(bound_of(profile, workload, fleet, settings)),
      cluster_(make_cluster(profile, streams_of_run(profile, workload, settings),
                            fleet_of_run(profile, fleet, settings))),
      shares_(model_shares(profile, workload, settings)),
      load_(workload.bulk ? 1 : kFirstLoad),
      missed_(std::numeric_limits<double>::infinity()) {}

Measures LoadClimb::run(const schedule::PolicyMaker& policy, double load) {
  ++evaluations_;
  settings_.rate = load * bound_;
  return simulate(profile_, workload_, fleet_, settings_, policy);
}

double LoadClimb::missed_by(const schedule::PolicyMaker& candidate) {
  const Measures measures = run(candidate, load_);
  if (!workload_.bulk) return shortfall(measures, workload_.pass);
  // Those that leave some of it come last.
  const double missed = std::max(1 - measures.throughput() / bound_, 1e-9);
  return measures.passes(workload_.pass) ? missed : 1 + shortfall(measures, workload_.pass);
}

bool LoadClimb::try_candidate(const schedule::PolicyMaker& candidate) {
  if (spent()) return false;
  const double missed = missed_by(candidate);
  if (missed >= missed_) return false;
  missed_ = missed;
  if (workload_.bulk) share_ = std::max(1 - missed, 0.0);
  while (missed_ == 0) {
    share_ = load_;
    if (spent()) break;
    load_ += step_from(load_);
    missed_ = missed_by(candidate);
  }
  return true;
}

WorkloadSpec steady(WorkloadSpec workload) {
  if (workload.trace) {
    constexpr double kKnown = 1.0 / 3;
    auto first = std::make_shared<Trace>(*workload.trace);
    const auto known =
        std::upper_bound(first->arrivals.begin(), first->arrivals.end(), kKnown * first->length());
    const auto count =
        std::max<std::size_t>(static_cast<std::size_t>(known - first->arrivals.begin()), 1);
    first->arrivals.resize(count);
    first->stream.resize(count);
    workload.trace = std::move(first);
  }
  workload.rotations.clear();
  workload.redraw_period = 0;
  workload.diurnal = 0;
  return workload;
}

npu_model::FleetSpec steady(npu_model::FleetSpec fleet) {
  fleet.events.clear();
  fleet.random = {};
  return fleet;
}

}  // namespace widepipe::rl
