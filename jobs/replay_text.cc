#include "jobs/replay_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "core/units.h"

namespace widepipe::jobs {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMilli = 1e-3;
constexpr double kMicro = 1e-6;

double cpu_a_batch(const Replayed& replayed) {
  return replayed.batches == 0
             ? 0
             : replayed.rounds.cpu_seconds / static_cast<double>(replayed.batches);
}

constexpr std::array kSectionNames = {"arrivals", "decisions", "news", "orders", "mpi", "rest"};
static_assert(kSectionNames.size() == mpi_runtime::kSections);

Json cpu_json(const Replayed& replayed) {
  Json json;
  for (std::size_t i = 0; i < kSectionNames.size(); ++i) {
    json[kSectionNames[i]] = replayed.rounds.cpu_by_section[i];
  }
  return json;
}

Json devices_json(const Replayed& replayed) {
  Json json = Json::array();
  for (std::size_t id = 0; id < replayed.devices.size(); ++id) {
    const DeviceSeen& device = replayed.devices[id];
    json.push_back(
        {{"device", id},
         {"rank", replayed.rank_names[static_cast<std::size_t>(replayed.rank_of_device[id])]},
         {"cores_busy_share", device.cores_busy},
         {"bandwidth_share", device.bandwidth_used},
         {"memory_bytes", device.memory_used},
         {"most_memory_bytes", device.most_memory_used}});
  }
  return json;
}

}  // namespace

void DeviceSeen::add(const schedule::DeviceStatus& status) {
  if (status.at > 0) {
    const double weight = (status.at - at) / status.at;
    cores_busy += weight * (status.cores_busy - cores_busy);
    bandwidth_used += weight * (status.bandwidth_used - bandwidth_used);
  }
  at = status.at;
  memory_used = status.memory_used;
  most_memory_used = std::max(most_memory_used, memory_used);
}

std::string replayed_text(const Replayed& replayed) {
  const mpi_runtime::ServeResult& rounds = replayed.rounds;
  std::string text = simulated_text(replayed.as_simulated);
  text += fmt::format("\nlive on {} rank{}, an emulated second in {:g} real one{}\n",
                      replayed.ranks, replayed.ranks == 1 ? "" : "s", replayed.time_scale,
                      replayed.time_scale == 1 ? "" : "s");
  text +=
      fmt::format("  rounds        {}, {:.2f} ms each ({:.3f} emulated), the longest {:.1f} ms\n",
                  grouped(rounds.rounds), rounds.mean_round_seconds / kMilli,
                  rounds.mean_round_seconds / replayed.time_scale / kMilli,
                  rounds.longest_round_seconds / kMilli);
  text += fmt::format("  rank 0        {:.1f} us of its thread a batch, {} batches\n",
                      cpu_a_batch(replayed) / kMicro, grouped(replayed.batches));
  text += "    of it      ";
  for (std::size_t i = 0; i < kSectionNames.size(); ++i) {
    const double part = rounds.cpu_seconds > 0 ? rounds.cpu_by_section[i] / rounds.cpu_seconds : 0;
    text += fmt::format("{} {} {:.0f} %", i == 0 ? "" : ",", kSectionNames[i], 100 * part);
  }
  text += "\n";
  const rl::StreamMeasures all = replayed.as_simulated.runs.front().measures.all();
  const std::int64_t answered = all.in_time + all.late;
  text += fmt::format("  answered      {} of {} requests in {}{}\n", grouped(answered),
                      grouped(all.offered), duration_text(rounds.ended),
                      replayed.time_scale == 1 ? "" : " (emulated)");
  text += fmt::format("  handed in     {:.3f} ms late, emulated, the latest {:.2f} ms\n",
                      replayed.mean_lateness / kMilli, replayed.longest_lateness / kMilli);
  text += fmt::format("  answers       {}\n",
                      replayed.wrong == 0 && replayed.doubled == 0
                          ? "all are those of their requests, none is there twice"
                          : fmt::format("{} are WRONG, {} are there TWICE", grouped(replayed.wrong),
                                        grouped(replayed.doubled)));
  if (replayed.refused > 0) {
    text += fmt::format("  refused       {} wrong answers of devices, asked for again\n",
                        grouped(replayed.refused));
  }
  for (const ReplayResults::Stream& stream : replayed.outputs) {
    text += fmt::format("  written       {} of {} rows of {}", grouped(stream.written),
                        grouped(stream.rows), stream.output);
    if (stream.before > 0) text += fmt::format(", {} were there", grouped(stream.before));
    if (stream.failed > 0) text += fmt::format(", {} failed", grouped(stream.failed));
    text += stream.complete ? "\n" : "; `widepipe score` with this job does the rest\n";
  }
  return text;
}

std::string replayed_json(const Replayed& replayed) {
  const mpi_runtime::ServeResult& rounds = replayed.rounds;
  Json json = Json::parse(simulated_json(replayed.as_simulated));
  json["live"] = {{"ranks", replayed.ranks},
                  {"time_scale", replayed.time_scale},
                  {"stopped", rounds.stopped},
                  {"ended_seconds", rounds.ended},
                  {"rounds", rounds.rounds},
                  {"round_seconds", rounds.mean_round_seconds},
                  {"round_emulated_seconds", rounds.mean_round_seconds / replayed.time_scale},
                  {"longest_round_seconds", rounds.longest_round_seconds},
                  {"batches", replayed.batches},
                  {"rank_0_cpu_seconds", rounds.cpu_seconds},
                  {"rank_0_cpu_seconds_per_batch", cpu_a_batch(replayed)},
                  {"rank_0_cpu_seconds_by_section", cpu_json(replayed)},
                  {"group_size", replayed.group_size},
                  {"start_seconds", replayed.start_seconds},
                  {"memory_bytes_per_rank", replayed.mean_memory},
                  {"most_memory_bytes_of_a_rank", replayed.most_memory},
                  {"mean_lateness_seconds", replayed.mean_lateness},
                  {"longest_lateness_seconds", replayed.longest_lateness},
                  {"answers_wrong", replayed.wrong},
                  {"answers_doubled", replayed.doubled},
                  {"answers_refused", replayed.refused},
                  {"requests_open", replayed.open},
                  {"devices", devices_json(replayed)}};
  for (const ReplayResults::Stream& stream : replayed.outputs) {
    json["outputs"].push_back({{"output", stream.output},
                               {"rows", stream.rows},
                               {"rows_before", stream.before},
                               {"rows_written", stream.written},
                               {"rows_failed", stream.failed},
                               {"complete", stream.complete}});
  }
  return json.dump(2) + "\n";
}

}  // namespace widepipe::jobs
