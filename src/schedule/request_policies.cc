#include "schedule/request_policies.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/error.h"
#include "schedule/fixed_policies.h"
#include "schedule/greedy_policy.h"
#include "schedule/static_policy.h"

namespace widepipe::schedule {

namespace {

std::unique_ptr<RequestPolicy> greedy(std::span<const double> values) {
  return make_greedy_policy(
      {.budget = values[0], .stretch = values[1], .sacrifice = values[3], .hysteresis = values[2]});
}

std::vector<PolicyParameter> greedy_parameters() {
  const GreedySettings usual;
  return {{"budget", usual.budget, 0.1, 0.9},
          {"stretch", usual.stretch, 1, 4},
          {"hysteresis", usual.hysteresis, 1, 3},
          {"sacrifice", usual.sacrifice, 0, 5}};
}

}  // namespace

std::vector<double> NamedPolicy::usual() const {
  std::vector<double> values;
  for (const PolicyParameter& parameter : parameters) values.push_back(parameter.usual);
  return values;
}

PolicyMaker NamedPolicy::maker(std::vector<double> values) const {
  if (values.size() != parameters.size()) {
    throw std::logic_error("policy " + std::string(name) + ": other parameters than it has");
  }
  return [make = make, values = std::move(values)] { return make(values); };
}

const std::vector<NamedPolicy>& request_policies() {
  static const std::vector<NamedPolicy> policies = {
      {.name = "greedy",
       .what = "cheapest cores and batch in time; is told how fast devices are",
       .told_speeds = true,
       .parameters = greedy_parameters(),
       .make = greedy},
      {.name = "greedy-estimated",
       .what = "the same; estimates how fast devices are from timings",
       .parameters = greedy_parameters(),
       .make = greedy},
      {.name = "greedy-tuned",
       .what = "greedy-estimated with constants that are tuned in advance",
       .tuned = true,
       .parameters = greedy_parameters(),
       .make = greedy},
      {.name = "clockwork",
       .what = "one batch at a time a device, the largest in time (OSDI 2020)",
       .guarded = false,
       .tuned = true,
       .parameters = {{"caution", 1, 0.8, 2}},
       .make = [](auto values) { return make_clockwork_policy(values[0]); }},
      {.name = "nexus",
       .what = "batches of half the SLO (SOSP 2019)",
       .guarded = false,
       .tuned = true,
       .parameters = {{"slo_share", 0.5, 0.2, 0.8}, {"stretch", 1.5, 1, 4}},
       .make = [](auto values) { return make_nexus_policy(values[0], values[1]); }},
      {.name = "bulk",
       .what = "data sets in batches of about 50 ms, without deadlines",
       .guarded = false,
       .make = [](auto) { return make_bulk_request_policy(); }},
      {.name = "fixed",
       .what = "cores, batch, timeout and instances as they are set, the same for all models",
       .guarded = false,
       .parameters = {{"cores", 4, 1, 4096, true},
                      {"batch", 8, 1, 4096, true},
                      {"timeout_ms", 0, 0, 1e6},
                      {"instances", 1, 1, 4096, true}},
       .make =
           [](auto values) {
             return make_uniform_policy(static_cast<int>(values[0]), static_cast<int>(values[1]),
                                        1e-3 * values[2], static_cast<int>(values[3]));
           }},
      {.name = "aimd",
       .what = "batches that grow by one and shrink by a tenth (NSDI 2017)",
       .guarded = false,
       .tuned = true,
       .parameters = {{"slo_share", 0.5, 0.1, 0.9}, {"caution", 1, 0.8, 3}},
       .make = [](auto values) { return make_aimd_policy(values[0], values[1]); }},
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
