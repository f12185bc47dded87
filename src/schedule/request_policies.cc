#include "schedule/request_policies.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <string>

#include "core/error.h"
#include "schedule/fixed_policies.h"
#include "schedule/greedy_policy.h"

namespace widepipe::schedule {

const std::vector<NamedPolicy>& request_policies() {
  static const std::vector<NamedPolicy> policies = {
      {"greedy", "cheapest cores and batch in time; is told how fast devices are", true, true,
       [] { return make_greedy_policy(); }},
      {"greedy-estimated", "the same; estimates how fast devices are from timings", false, true,
       [] { return make_greedy_policy(); }},
      {"clockwork", "one batch at a time a device, the largest in time (OSDI 2020)", false, false,
       make_clockwork_policy},
      {"nexus", "batches of half the SLO (SOSP 2019)", false, false, make_nexus_policy},
      {"aimd", "batches that grow by one and shrink by a tenth (NSDI 2017)", false, false,
       make_aimd_policy},
  };
  return policies;
}

const NamedPolicy& request_policy(std::string_view name) {
  const std::vector<NamedPolicy>& policies = request_policies();
  const auto found = std::find_if(policies.begin(), policies.end(),
                                  [&](const NamedPolicy& policy) { return policy.name == name; });
  if (found != policies.end()) return *found;
  std::vector<std::string_view> names;
  for (const NamedPolicy& policy : policies) names.push_back(policy.name);
  throw_input_error("policy '{}' is not known: expected {}", name, fmt::join(names, ", "));
}

}  // namespace widepipe::schedule
