#include "jobs/profile_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "jobs/toml_table.h"

namespace widepipe::jobs {
namespace {

using npu_model::FleetEvent;

constexpr std::int64_t kMostCores = 1 << 20;
constexpr double kMega = 1e6;
constexpr double kGiga = 1e9;
constexpr double kTera = 1e12;
constexpr double kMilli = 1e-3;

constexpr std::string_view kFleetPrefix = "fleet-";

toml::table parse_toml(std::string_view text, const std::string& file) {
  try {
    return toml::parse(text, std::string_view(file));
  } catch (const toml::parse_error& error) {
    refuse_at(file, error.source().begin, std::string(error.description()));
  }
}

/// A number, whichever: that values make sense, together, is for problem_of() to say.
std::optional<double> number_of(const TomlTable& table, std::string_view key) {
  const toml::node* node = table.find(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_number()) table.unexpected(key, *node, "a number");
  return node->value<double>();
}

double needed(const TomlTable& table, std::string_view key, double unit) {
  const std::optional<double> value = number_of(table, key);
  if (!value) table.missing(key);
  return *value * unit;
}

int needed_whole(const TomlTable& table, std::string_view key) {
  const auto value = table.whole(key, 0, kMostCores);
  if (!value) table.missing(key);
  return static_cast<int>(*value);
}

std::string needed_text(const TomlTable& table, std::string_view key) {
  auto value = table.text(key);
  if (!value) table.missing(key);
  return *std::move(value);
}

std::vector<int> core_choices(const TomlTable& device) {
  const auto values = device.numbers("core_choices");
  if (!values) device.missing("core_choices");
  std::vector<int> choices;
  for (const double value : *values) {
    if (value != static_cast<int>(value)) {
      device.unexpected("core_choices", *device.find("core_choices"), "whole numbers");
    }
    choices.push_back(static_cast<int>(value));
  }
  return choices;
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
          .jitter = needed(device, "jitter", 1),
          .max_batch = needed_whole(device, "max_batch"),
          .core_choices = core_choices(device)};
}

/// Tables of an array, or nothing if there is no such key.
std::vector<const toml::table*> tables(const TomlTable& top, std::string_view key) {
  const toml::node* node = top.find(key);
  if (node == nullptr) return {};
  if (!node->is_array_of_tables()) {
    top.unexpected(key, *node, fmt::format("[[{}]], in two brackets, once for each", key));
  }
  std::vector<const toml::table*> found;
  for (const toml::node& one : *node->as_array()) found.push_back(one.as_table());
  return found;
}

npu_model::DeviceClass device_class(const TomlTable& table) {
  return {.name = needed_text(table, "name"),
          .share = needed(table, "share", 1),
          .speed = number_of(table, "speed").value_or(1),
          .cores = static_cast<int>(table.whole("cores", 1, kMostCores).value_or(0)),
          .memory = number_of(table, "memory_gb").value_or(0) * kGiga};
}

FleetEvent fleet_event(const TomlTable& table) {
  FleetEvent event;
  const std::string kind = needed_text(table, "kind");
  if (kind == "slow") {
    event.kind = FleetEvent::Kind::kSlow;
    event.speed = needed(table, "speed", 1);
  } else if (kind == "recover") {
    event.kind = FleetEvent::Kind::kRecover;
  } else if (kind != "fail") {
    table.unexpected("kind", *table.find("kind"), "'fail', 'slow' or 'recover'");
  }
  if (kind != "slow" && table.find("speed") != nullptr) {
    table.refuse("speed", "'speed' belongs to events of the kind 'slow'");
  }
  event.at = needed(table, "at", 1);
  event.share = number_of(table, "share").value_or(0);
  if (const auto devices = table.numbers("devices")) {
    for (const double device : *devices) event.devices.push_back(static_cast<int>(device));
  }
  return event;
}

std::string names_of(bool fleets) {
  std::vector<std::string_view> names;
  for (const auto& [name, text] : built_in_profiles()) {
    if (name.starts_with(kFleetPrefix) == fleets) {
      names.push_back(fleets ? name.substr(kFleetPrefix.size()) : name);
    }
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

bool is_file(std::string_view name) {
  return name.ends_with(".toml") || name.find('/') != std::string_view::npos;
}

/// Text and what messages call it.
std::pair<std::string, std::string> text_of(const std::string& name, bool fleet) {
  if (is_file(name)) return {read_toml_file(fleet ? "fleet" : "profile", name), name};
  const std::string wanted = fleet ? std::string(kFleetPrefix) + name : name;
  for (const auto& [built_in, text] : built_in_profiles()) {
    if (built_in == wanted) return {std::string(text), wanted + ".toml"};
  }
  throw_input_error("{} '{}' is not known: expected {}, or a file, NAME.toml",
                    fleet ? "fleet" : "profile", name, names_of(fleet));
}

}  // namespace

npu_model::Profile parse_profile(std::string_view text, const std::string& file) {
  const toml::table root = parse_toml(text, file);
  const TomlTable top(root, file, "the profile", {"device", "name", "network"});
  npu_model::Profile profile{.name = needed_text(top, "name"), .device = {}, .networks = {}};
  const toml::table* device = top.table("device");
  if (device == nullptr) top.missing("device");
  profile.device = device_constants(
      TomlTable(*device, file, "[device]",
                {"batch_gain", "batch_half", "core_choices", "cores", "gb_per_s",
                 "instance_overhead_mb", "jitter", "launch_ms", "load_gb_per_s", "load_s",
                 "max_batch", "memory_gb", "scaling_exponent", "tflops_per_core"}));
  for (const toml::table* table : tables(top, "network")) {
    const TomlTable keys(*table, file, "[[network]]",
                         {"efficiency", "features_mb", "gmac", "mparam", "name", "reference_cores",
                          "sharing_loss", "slo_base_ms"});
    profile.networks.push_back({.name = needed_text(keys, "name"),
                                .macs = needed(keys, "gmac", kGiga),
                                .parameters = needed(keys, "mparam", kMega),
                                .features = needed(keys, "features_mb", kMega),
                                .efficiency = needed(keys, "efficiency", 1),
                                .sharing_loss = needed(keys, "sharing_loss", 1),
                                .reference_cores = needed_whole(keys, "reference_cores"),
                                .slo_base = needed(keys, "slo_base_ms", kMilli)});
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
  for (const toml::table* table : tables(top, "class")) {
    fleet.classes.push_back(device_class(
        TomlTable(*table, file, "[[class]]", {"cores", "memory_gb", "name", "share", "speed"})));
  }
  for (const toml::table* table : tables(top, "event")) {
    fleet.events.push_back(fleet_event(
        TomlTable(*table, file, "[[event]]", {"at", "devices", "kind", "share", "speed"})));
  }
  if (const toml::table* table = top.table("random")) {
    const TomlTable random(*table, file, "[random]",
                           {"fail_share", "mean_between_s", "mean_until_over_s", "slow_speed"});
    fleet.random = {.mean_between = needed(random, "mean_between_s", 1),
                    .mean_until_over = needed(random, "mean_until_over_s", 1),
                    .fail_share = number_of(random, "fail_share").value_or(0.5),
                    .slow_speed = number_of(random, "slow_speed").value_or(0.4)};
  }
  if (const std::string problem = problem_of(fleet, profile); !problem.empty()) {
    throw_input_error("{}: {}", file, problem);
  }
  return fleet;
}

npu_model::Profile load_profile(const std::string& name_or_file) {
  const auto [text, file] = text_of(name_or_file, false);
  return parse_profile(text, file);
}

npu_model::FleetSpec load_fleet(const std::string& name_or_file,
                                const npu_model::Profile& profile) {
  const auto [text, file] = text_of(name_or_file, true);
  return parse_fleet(text, file, profile);
}

}  // namespace widepipe::jobs
