#include "rl/goodput.h"

#include <utility>

namespace widepipe::rl {
namespace {

/// Where the search begins: above what any policy reaches.
constexpr double kMost = 1.05;

}  // namespace

Goodput find_goodput(const npu_model::Profile& profile, const WorkloadSpec& workload,
                     const npu_model::FleetSpec& fleet, SimulationSettings settings,
                     const schedule::PolicyMaker& make_policy, double precision) {
  Goodput found;
  found.bound = bound_of(profile, workload, fleet, settings);
  if (workload.bulk) {
    settings.rate = found.bound;
    found.runs = 1;
    found.bound = bulk_bound_of(profile, workload, fleet, settings);
    found.measures = simulate(profile, workload, fleet, settings, make_policy);
    found.rate = found.measures.throughput();
    return found;
  }
  double passes = 0;
  double fails = kMost;
  while (fails - passes > precision) {
    const double share = (passes + fails) / 2;
    settings.rate = share * found.bound;
    Measures measures = simulate(profile, workload, fleet, settings, make_policy);
    ++found.runs;
    if (measures.passes(workload.pass)) {
      passes = share;
      found.rate = settings.rate;
      found.measures = std::move(measures);
    } else {
      fails = share;
    }
  }
  return found;
}

}  // namespace widepipe::rl
