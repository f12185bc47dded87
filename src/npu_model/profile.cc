#include "npu_model/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace widepipe::npu_model {
namespace {

/// A quantity and what it may be.
struct Rule {
  const char* name;
  double value;
  double least;
  bool or_equal;
  double most = INFINITY;
};

std::string broken_rule(const std::string& where, const std::vector<Rule>& rules) {
  for (const Rule& rule : rules) {
    const bool enough = rule.or_equal ? rule.value >= rule.least : rule.value > rule.least;
    if (enough && rule.value <= rule.most && std::isfinite(rule.value)) continue;
    const std::string least =
        fmt::format("{} {}", rule.or_equal ? "at least" : "more than", rule.least);
    return fmt::format(
        "{}: {} is {}, expected {}{}", where, rule.name, rule.value, least,
        std::isfinite(rule.most) ? fmt::format(" and at most {}", rule.most) : ", finite");
  }
  return "";
}

std::string problem_of_cores(const DeviceConstants& device) {
  if (device.core_choices.empty()) return "device: core_choices is empty";
  for (std::size_t i = 0; i < device.core_choices.size(); ++i) {
    const int cores = device.core_choices[i];
    if (cores < 1 || cores > device.cores) {
      return fmt::format("device: core_choices has {}, expected 1 to {}, the device's cores", cores,
                         device.cores);
    }
    if (i > 0 && cores <= device.core_choices[i - 1]) {
      return fmt::format("device: core_choices has {} behind {}, expected ascending numbers", cores,
                         device.core_choices[i - 1]);
    }
  }
  return "";
}

}  // namespace

std::string problem_of(const Profile& profile) {
  const DeviceConstants& device = profile.device;
  std::string problem =
      broken_rule("device", {{"cores", static_cast<double>(device.cores), 1, true},
                             {"flops_per_core", device.flops_per_core, 0, false},
                             {"bytes_per_second", device.bytes_per_second, 0, false},
                             {"memory", device.memory, 0, false},
                             {"launch", device.launch, 0, true},
                             {"batch_gain", device.batch_gain, 0, false},
                             {"batch_half", device.batch_half, 0, true},
                             {"scaling_exponent", device.scaling_exponent, 0, true, 4},
                             {"instance_overhead", device.instance_overhead, 0, true},
                             {"load", device.load, 0, true},
                             {"load_bytes_per_second", device.load_bytes_per_second, 0, false},
                             {"bytes_per_value", device.bytes_per_value, 0, false, 16},
                             {"jitter", device.jitter, 0, true, 10},
                             {"max_batch", static_cast<double>(device.max_batch), 1, true, 65536}});
  if (problem.empty()) problem = problem_of_cores(device);
  if (!problem.empty()) return problem;
  if (profile.networks.empty()) return "it has no network";
  std::set<std::string> names;
  for (const Network& network : profile.networks) {
    const std::string where = fmt::format("network '{}'", network.name);
    if (network.name.empty()) return "a network has no name";
    if (!names.insert(network.name).second) return fmt::format("{} is there twice", where);
    problem = broken_rule(where, {{"macs", network.macs, 0, false},
                                  {"parameters", network.parameters, 0, true},
                                  {"features", network.features, 0, false},
                                  {"efficiency", network.efficiency, 0, false, 1},
                                  {"sharing_loss", network.sharing_loss, 0, true},
                                  {"reference_cores", static_cast<double>(network.reference_cores),
                                   1, true, static_cast<double>(device.cores)},
                                  {"slo_base", network.slo_base, 0, false},
                                  {"launch", network.launch, 0, true}});
    if (!problem.empty()) return problem;
  }
  return "";
}

int find_network(const Profile& profile, std::string_view name) {
  const auto found = std::find_if(profile.networks.begin(), profile.networks.end(),
                                  [&](const Network& network) { return network.name == name; });
  return found == profile.networks.end() ? -1 : static_cast<int>(found - profile.networks.begin());
}

}  // namespace widepipe::npu_model
