#include "jobs/profile_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/version.h"
#include "jobs/toml_table.h"
#include "npu_model/equations.h"
#include "report/text_table.h"

namespace widepipe::jobs {
namespace {

using Json = nlohmann::ordered_json;
using npu_model::FitError;
using npu_model::Timing;

constexpr double kMilli = 1e-3;
constexpr double kMega = 1e6;
constexpr double kGiga = 1e9;
constexpr double kTera = 1e12;
/// Idle machines come to .02 to .1.
constexpr double kDoubtfulError = 0.2;

std::string percent(double value) { return fmt::format("{:.1f} %", 100 * value); }

std::string error_text(const FitError& error) {
  return fmt::format("{} (median), {} (worst)", percent(error.median), percent(error.worst));
}

double fitted_seconds(const Profiled& profiled, const Timing& timing) {
  const npu_model::Profile& profile = profiled.fit.profile;
  return alone_seconds(profile.device, profile.networks[timing.network], timing.cores,
                       timing.batch);
}

Json error_json(const FitError& error) {
  return {{"median", error.median}, {"worst", error.worst}};
}

}  // namespace

std::string profile_toml(const npu_model::Profile& profile, const std::string& comment) {
  const npu_model::DeviceConstants& device = profile.device;
  std::string text = comment;
  text += fmt::format("name = {}\n", toml_quoted(profile.name));
  if (!profile.measured_on.empty()) {
    text += fmt::format("measured_on = {}\n", toml_quoted(profile.measured_on));
  }
  text += "\n[device]\n";
  text += fmt::format("cores = {}\n", device.cores);
  text += fmt::format("core_choices = [{}]\n", fmt::join(device.core_choices, ", "));
  text += fmt::format("max_batch = {}\n", device.max_batch);
  text += fmt::format("tflops_per_core = {}\n", toml_number(device.flops_per_core / kTera));
  text += fmt::format("gb_per_s = {}\n", toml_number(device.bytes_per_second / kGiga));
  text += fmt::format("memory_gb = {}\n", toml_number(device.memory / kGiga));
  text += fmt::format("bytes_per_value = {}\n", toml_number(device.bytes_per_value));
  text += fmt::format("launch_ms = {}\n", toml_number(device.launch / kMilli));
  text += fmt::format("batch_gain = {}\n", toml_number(device.batch_gain));
  text += fmt::format("batch_half = {}\n", toml_number(device.batch_half));
  text += fmt::format("scaling_exponent = {}\n", toml_number(device.scaling_exponent));
  text += fmt::format("instance_overhead_mb = {}\n", toml_number(device.instance_overhead / kMega));
  text += fmt::format("load_s = {}\n", toml_number(device.load));
  text += fmt::format("load_gb_per_s = {}\n", toml_number(device.load_bytes_per_second / kGiga));
  text += fmt::format("jitter = {}\n", toml_number(device.jitter));
  for (const npu_model::Network& network : profile.networks) {
    text += fmt::format("\n[[network]]\nname = {}\n", toml_quoted(network.name));
    text += fmt::format("gmac = {}\n", toml_number(network.macs / kGiga));
    text += fmt::format("mparam = {}\n", toml_number(network.parameters / kMega));
    text += fmt::format("features_mb = {}\n", toml_number(network.features / kMega));
    text += fmt::format("efficiency = {}\n", toml_number(network.efficiency));
    text += fmt::format("sharing_loss = {}\n", toml_number(network.sharing_loss));
    text += fmt::format("reference_cores = {}\n", network.reference_cores);
    text += fmt::format("slo_base_ms = {}\n", toml_number(network.slo_base / kMilli));
    text += fmt::format("launch_ms = {}\n", toml_number(network.launch / kMilli));
  }
  return text;
}

std::string profiled_toml(const Profiled& profiled) {
  std::string comment = fmt::format(
      "# Measured by widepipe {} on {}: {}\n# The equations differ from the timings by {}",
      kVersion, profiled.host, profiled.device, error_text(profiled.fit.alone));
  if (!profiled.beside.empty()) {
    comment +=
        fmt::format(",\n# slowdowns beside others by {}", error_text(profiled.fit.beside_others));
  }
  return profile_toml(profiled.fit.profile, comment + "\n");
}

std::string profiled_text(const Profiled& profiled) {
  using Align = report::TextTable::Align;
  const npu_model::Profile& profile = profiled.fit.profile;
  report::TextTable table({{"model"},
                           {"cores", Align::kRight},
                           {"batch", Align::kRight},
                           {"measured ms", Align::kRight},
                           {"fitted", Align::kRight},
                           {"off by", Align::kRight}});
  for (const Timing& timing : profiled.alone) {
    const double fitted = fitted_seconds(profiled, timing);
    table.add({profile.networks[timing.network].name, std::to_string(timing.cores),
               std::to_string(timing.batch), fmt::format("{:.3f}", timing.seconds / kMilli),
               fmt::format("{:.3f}", fitted / kMilli),
               fmt::format("{:+.1f} %", 100 * (fitted / timing.seconds - 1))});
  }
  std::string text = fmt::format("{} on {}\n\n{}\n", profiled.device, profiled.host,
                                 table.text(profiled.alone.size()));
  for (std::size_t i = 0; i < profile.networks.size(); ++i) {
    text += fmt::format("  {:<20} off by {}\n", profile.networks[i].name,
                        error_text(profiled.fit.by_network[i]));
  }
  text += fmt::format("  {:<20} off by {}\n", "all", error_text(profiled.fit.alone));
  if (!profiled.beside.empty()) {
    std::vector<double> slowdowns;
    for (const auto& timing : profiled.beside) slowdowns.push_back(timing.slowdown);
    std::sort(slowdowns.begin(), slowdowns.end());
    text += fmt::format("  {:<20} {:.2f} times slower (median), off by {}\n", "beside others",
                        slowdowns[slowdowns.size() / 2], error_text(profiled.fit.beside_others));
  }
  if (profiled.fit.alone.median > kDoubtfulError) {
    text += fmt::format(
        "warning: this profile is off by more than {:.0f} %, and schedulers plan with it: measure "
        "again on idle cores, and for longer (--seconds)\n",
        100 * kDoubtfulError);
  }
  return text;
}

std::string profiled_json(const Profiled& profiled) {
  const npu_model::Profile& profile = profiled.fit.profile;
  const auto timing_json = [&](const Timing& timing) -> Json {
    return {{"model", profile.networks[timing.network].name},
            {"cores", timing.cores},
            {"batch", timing.batch},
            {"seconds", timing.seconds},
            {"fitted_seconds", fitted_seconds(profiled, timing)}};
  };
  Json json = {{"widepipe_version", kVersion},
               {"device", profiled.device},
               {"host", profiled.host},
               {"timing_seconds", profiled.seconds},
               {"error", error_json(profiled.fit.alone)},
               {"slowdown_error", error_json(profiled.fit.beside_others)},
               {"models", Json::array()},
               {"alone", Json::array()},
               {"beside", Json::array()}};
  for (std::size_t i = 0; i < profile.networks.size(); ++i) {
    json["models"].push_back(
        {{"model", profile.networks[i].name}, {"error", error_json(profiled.fit.by_network[i])}});
  }
  for (const Timing& timing : profiled.alone) json["alone"].push_back(timing_json(timing));
  for (const npu_model::NeighbourTiming& timing : profiled.beside) {
    Json one = timing_json(timing.batch);
    one["others"] = Json::array();
    for (const Timing& other : timing.others) one["others"].push_back(timing_json(other));
    one["slowdown"] = timing.slowdown;
    json["beside"].push_back(std::move(one));
  }
  return json.dump(2) + "\n";
}

}  // namespace widepipe::jobs
