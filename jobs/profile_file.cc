#include "jobs/profile_file.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "core/error.h"
#include "jobs/built_in_files.h"
#include "jobs/toml_table.h"

namespace widepipe::jobs {
namespace {

using npu_model::FleetEvent;

constexpr std::int64_t kMostCores = 1 << 20;
constexpr double kMega = 1e6;
constexpr double kGiga = 1e9;
constexpr double kTera = 1e12;
constexpr double kMilli = 1e-3;

double needed(const TomlTable& table, std::string_view key, double unit) {
  return needed_number(table, key) * unit;
}

int needed_whole(const TomlTable& table, std::string_view key) {
  const auto value = table.whole(key, 0, kMostCores);
  if (!value) table.missing(key);
  return static_cast<int>(*value);
}

/// Empty if there is no such key.
std::vector<int> whole_numbers(const TomlTable& table, std::string_view key) {
  std::vector<int> wholes;
  for (const double value : table.numbers(key).value_or(std::vector<double>())) {
    if (value != std::floor(value) || std::abs(value) > kMostCores) {
      table.unexpected(key, *table.find(key), "whole numbers");
    }
    wholes.push_back(static_cast<int>(value));
  }
  return wholes;
}

std::vector<int> core_choices(const TomlTable& device) {
  if (device.find("core_choices") == nullptr) device.missing("core_choices");
  return whole_numbers(device, "core_choices");
}

npu_model::DeviceConstants device_constants(const TomlTable& device) {
  return {.cores = needed_whole(device, "cores"),
          .flops_per_core = needed(device, "tflops_per_core", kTera),
          .bytes_per_second = needed(device, "gb_per_s", kGiga),
          .memory = needed(device, "memory_gb", kGiga),
          .launch = needed(device, "launch_ms", kMilli),
          .batch_gain = needed(device, "batch_gain", 1),
          .batch_half = needed(device, "batch_half", 1),
          .scaling_exponent = needed(device, "scaling_exponent", 1),
          .instance_overhead = needed(device, "instance_overhead_mb", kMega),
          .load = needed(device, "load_s", 1),
          .load_bytes_per_second = needed(device, "load_gb_per_s", kGiga),
          .bytes_per_value = any_number(device, "bytes_per_value").value_or(2),
          .jitter = needed(device, "jitter", 1),
          .max_batch = needed_whole(device, "max_batch"),
          .core_choices = core_choices(device)};
}

npu_model::DeviceClass device_class(const TomlTable& table) {
  return {.name = needed_text(table, "name"),
          .share = needed(table, "share", 1),
          .speed = any_number(table, "speed").value_or(1),
          .cores = static_cast<int>(table.whole("cores", 1, kMostCores).value_or(0)),
          .memory = any_number(table, "memory_gb").value_or(0) * kGiga};
}

FleetEvent fleet_event(const TomlTable& table) {
  using npu_model::Trouble;
  static constexpr std::pair<std::string_view, Trouble> kTroubles[] = {{"fail", Trouble::kGone},
                                                                       {"hang", Trouble::kHangs},
                                                                       {"error", Trouble::kFails},
                                                                       {"wrong", Trouble::kWrong}};
  FleetEvent event;
  const std::string kind = needed_text(table, "kind");
  const auto* trouble = std::find_if(std::begin(kTroubles), std::end(kTroubles),
                                     [&](const auto& one) { return one.first == kind; });
  if (trouble != std::end(kTroubles)) {
    event.trouble = trouble->second;
  } else if (kind == "slow") {
    event.kind = FleetEvent::Kind::kSlow;
    event.speed = needed(table, "speed", 1);
  } else if (kind == "recover") {
    event.kind = FleetEvent::Kind::kRecover;
  } else {
    table.unexpected("kind", *table.find("kind"),
                     "'error', 'fail', 'hang', 'recover', 'slow' or 'wrong'");
  }
  if (kind != "slow" && table.find("speed") != nullptr) {
    table.refuse("speed", "'speed' belongs to events of the kind 'slow'");
  }
  event.at = needed(table, "at", 1);
  event.share = any_number(table, "share").value_or(0);
  event.devices = whole_numbers(table, "devices");
  return event;
}

}  // namespace

npu_model::Profile parse_profile(std::string_view text, const std::string& file) {
  const toml::table root = parse_toml(text, file);
  const TomlTable top(root, file, "the profile", {"device", "measured_on", "name", "network"});
  npu_model::Profile profile{.name = needed_text(top, "name"),
                             .measured_on = top.text("measured_on").value_or(""),
                             .device = {},
                             .networks = {}};
  const toml::table* device = top.table("device");
  if (device == nullptr) top.missing("device");
  profile.device = device_constants(
      TomlTable(*device, file, "[device]",
                {"batch_gain", "batch_half", "bytes_per_value", "core_choices", "cores", "gb_per_s",
                 "instance_overhead_mb", "jitter", "launch_ms", "load_gb_per_s", "load_s",
                 "max_batch", "memory_gb", "scaling_exponent", "tflops_per_core"}));
  for (const toml::table* table : tables_of(top, "network")) {
    const TomlTable keys(*table, file, "[[network]]",
                         {"efficiency", "features_mb", "gmac", "launch_ms", "mparam", "name",
                          "reference_cores", "sharing_loss", "slo_base_ms"});
    profile.networks.push_back({.name = needed_text(keys, "name"),
                                .macs = needed(keys, "gmac", kGiga),
                                .parameters = needed(keys, "mparam", kMega),
                                .features = needed(keys, "features_mb", kMega),
                                .efficiency = needed(keys, "efficiency", 1),
                                .sharing_loss = needed(keys, "sharing_loss", 1),
                                .reference_cores = needed_whole(keys, "reference_cores"),
                                .slo_base = needed(keys, "slo_base_ms", kMilli),
                                .launch = any_number(keys, "launch_ms").value_or(0) * kMilli});
  }
  if (const std::string problem = problem_of(profile); !problem.empty()) {
    throw_input_error("{}: {}", file, problem);
  }
  return profile;
}

npu_model::FleetSpec parse_fleet(std::string_view text, const std::string& file,
                                 const npu_model::Profile& profile) {
  const toml::table root = parse_toml(text, file);
  const TomlTable top(root, file, "the fleet", {"class", "event", "name", "random"});
  npu_model::FleetSpec fleet{.name = needed_text(top, "name"), .classes = {}, .events = {}};
  for (const toml::table* table : tables_of(top, "class")) {
    fleet.classes.push_back(device_class(
        TomlTable(*table, file, "[[class]]", {"cores", "memory_gb", "name", "share", "speed"})));
  }
  for (const toml::table* table : tables_of(top, "event")) {
    fleet.events.push_back(fleet_event(
        TomlTable(*table, file, "[[event]]", {"at", "devices", "kind", "share", "speed"})));
  }
  if (const toml::table* table = top.table("random")) {
    const TomlTable random(*table, file, "[random]",
                           {"fail_share", "mean_between_s", "mean_until_over_s", "slow_speed"});
    fleet.random = {.mean_between = needed(random, "mean_between_s", 1),
                    .mean_until_over = needed(random, "mean_until_over_s", 1),
                    .fail_share = any_number(random, "fail_share").value_or(0.5),
                    .slow_speed = any_number(random, "slow_speed").value_or(0.4)};
  }
  if (const std::string problem = problem_of(fleet, profile); !problem.empty()) {
    throw_input_error("{}: {}", file, problem);
  }
  return fleet;
}

npu_model::Profile load_profile(const std::string& name_or_file) {
  const NamedText named = text_of(kProfile, name_or_file);
  return parse_profile(named.text, named.file);
}

npu_model::FleetSpec load_fleet(const std::string& name_or_file, const npu_model::Profile& profile,
                                int devices) {
  const NamedText named = text_of(kFleet, name_or_file);
  npu_model::FleetSpec fleet = parse_fleet(named.text, named.file, profile);
  if (const std::string problem = problem_of(fleet, devices); !problem.empty()) {
    throw_input_error("{}: {}", named.file, problem);
  }
  return fleet;
}

}  // namespace widepipe::jobs
