#include "rl/static_tuner.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace widepipe::rl {
namespace {

using schedule::StaticSetting;

/// The load rises by so much of the bound, once it is passed.
constexpr double kStep = 0.01;
constexpr double kFirstLoad = 0.1;

/// By how much the pass rule is missed; 0 if it is met.
double shortfall(const Measures& measures, const PassRule& rule) {
  double missed = std::max(rule.all - measures.all().attainment(), 0.0);
  for (const StreamMeasures& stream : measures.streams) {
    missed += std::max(rule.each - stream.attainment(), 0.0) /
              static_cast<double>(measures.streams.size());
  }
  return missed;
}

class Tuner {
 public:
  Tuner(const npu_model::Profile& profile, const WorkloadSpec& workload,
        const npu_model::FleetSpec& fleet, const SimulationSettings& settings, int evaluations)
      : profile_(profile),
        workload_(workload),
        fleet_(fleet),
        settings_(settings),
        bound_(bound_of(profile, workload, fleet, settings)),
        budget_(evaluations),
        cluster_(make_cluster(profile, streams_of_run(profile, workload, settings),
                              fleet_of_run(profile, fleet, settings))) {}

  TunedStatic run();

 private:
  double missed_by(const std::vector<StaticSetting>& settings, double load);
  void raise();
  bool try_change(std::size_t model, const StaticSetting& setting);
  std::vector<StaticSetting> neighbours(std::size_t model) const;

  const npu_model::Profile& profile_;
  const WorkloadSpec& workload_;
  const npu_model::FleetSpec& fleet_;
  SimulationSettings settings_;
  const double bound_;
  const int budget_;
  const schedule::Cluster cluster_;
  TunedStatic best_;
  double load_ = kFirstLoad;  ///< at which settings are compared: the first that is not passed
  double missed_ = 0;         ///< there, by the best
};

double Tuner::missed_by(const std::vector<StaticSetting>& settings, double load) {
  ++best_.evaluations;
  settings_.rate = load * bound_;
  return shortfall(
      simulate(profile_, workload_, fleet_, settings_, schedule::make_static_policy(settings)),
      workload_.pass);
}

/// To the first load that the best settings do not pass.
void Tuner::raise() {
  while (missed_ == 0 && best_.evaluations < budget_) {
    best_.share = load_;
    load_ += best_.share < 0.5 * kFirstLoad + 0.3 ? 2 * kStep : kStep;
    missed_ = missed_by(best_.settings, load_);
  }
}

bool Tuner::try_change(std::size_t model, const StaticSetting& setting) {
  std::vector<StaticSetting> changed = best_.settings;
  changed[model] = setting;
  const double missed = missed_by(changed, load_);
  if (missed >= missed_) return false;
  best_.settings = std::move(changed);
  missed_ = missed;
  raise();
  return true;
}

std::vector<StaticSetting> Tuner::neighbours(std::size_t model) const {
  const schedule::NetworkCosts& costs = *cluster_.models[model].costs;
  const StaticSetting now = best_.settings[model];
  std::vector<StaticSetting> found;
  const auto add = [&](StaticSetting other) {
    other.batch = std::clamp(other.batch, 1, costs.max_batch());
    other.instances = std::max(other.instances, 1);
    if (other.choice < costs.core_choices().size() && other != now) found.push_back(other);
  };
  const auto with = [&](auto change) {
    StaticSetting other = now;
    change(other);
    add(other);
  };
  with([](StaticSetting& s) { s.timeout *= 0.75; });
  with([](StaticSetting& s) { s.instances += 1; });
  with([](StaticSetting& s) { s.batch = static_cast<int>(std::ceil(s.batch * 1.3)); });
  with([](StaticSetting& s) { s.batch = static_cast<int>(s.batch / 1.3); });
  with([](StaticSetting& s) { s.timeout *= 1.2; });
  with([](StaticSetting& s) { s.choice += 1; });
  with([](StaticSetting& s) { s.choice -= 1; });  // of 0: beyond all, and left out
  with([](StaticSetting& s) { s.instances -= 1; });
  // Half the cores and twice the instances, and the other way round.
  with([](StaticSetting& s) {
    s.choice -= 1;
    s.instances *= 2;
  });
  with([](StaticSetting& s) {
    s.choice += 1;
    s.instances = (s.instances + 1) / 2;
  });
  return found;
}

TunedStatic Tuner::run() {
  best_.settings = schedule::first_static_settings(cluster_);
  missed_ = missed_by(best_.settings, load_);
  raise();
  std::vector<std::size_t> order(best_.settings.size());
  std::iota(order.begin(), order.end(), 0);
  for (bool better = true; better && best_.evaluations < budget_;) {
    better = false;
    for (const std::size_t model : order) {
      for (const StaticSetting& setting : neighbours(model)) {
        if (best_.evaluations >= budget_) return best_;
        if (!try_change(model, setting)) continue;
        better = true;
        break;  // its neighbours are others now
      }
    }
  }
  return best_;
}

}  // namespace

TunedStatic tune_static(const npu_model::Profile& profile, const WorkloadSpec& workload,
                        const npu_model::FleetSpec& fleet, SimulationSettings settings,
                        int evaluations) {
  return Tuner(profile, workload, fleet, settings, evaluations).run();
}

WorkloadSpec steady(WorkloadSpec workload) {
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
