#include "jobs/simulate_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/units.h"
#include "core/version.h"
#include "report/text_table.h"

namespace widepipe::jobs {
namespace {

using Json = nlohmann::ordered_json;
using report::TextTable;

constexpr double kMilli = 1e-3;
constexpr std::array kReasons = {"full", "timeout", "deadline", "drain", "idle device"};
static_assert(kReasons.size() == rl::kCloseReasons);

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

std::string percent(double value, int digits = 2) {
  return fmt::format("{:.{}f} %", 100 * value, digits);
}

std::string milliseconds(double seconds) { return fmt::format("{:.2f}", seconds / kMilli); }

double mean_batch(const rl::StreamMeasures& stream) {
  return share(static_cast<double>(stream.batched), static_cast<double>(stream.batches));
}

bool passes(const Simulated& simulated, const SimulatedRun& run) {
  return !run.measures.streams.empty() && run.measures.passes(simulated.workload.pass);
}

std::vector<std::string> stream_row(const rl::StreamMeasures& stream) {
  return {stream.name,
          grouped(stream.offered),
          percent(stream.attainment()),
          grouped(stream.late),
          grouped(stream.dropped + stream.unfinished),
          fmt::format("{:.1f}", mean_batch(stream)),
          milliseconds(stream.latency.percentile(0.5)),
          milliseconds(stream.latency.percentile(0.9)),
          milliseconds(stream.latency.percentile(0.99)),
          milliseconds(stream.latency.percentile(0.999))};
}

std::string streams_table(const rl::Measures& measures) {
  using Align = TextTable::Align;
  TextTable table({{"stream"},
                   {"requests", Align::kRight},
                   {"in SLO", Align::kRight},
                   {"late", Align::kRight},
                   {"dropped", Align::kRight},
                   {"a batch", Align::kRight},
                   {"p50 ms", Align::kRight},
                   {"p90", Align::kRight},
                   {"p99", Align::kRight},
                   {"p99.9", Align::kRight}});
  for (const rl::StreamMeasures& stream : measures.streams) {
    table.add(stream_row(stream));
  }
  table.add(stream_row(measures.all()));
  return table.text();
}

std::string runs_table(const Simulated& simulated) {
  using Align = TextTable::Align;
  TextTable table({{"seed", Align::kRight},
                   {"requests/s", Align::kRight},
                   {"a device", Align::kRight},
                   {"of the bound", Align::kRight},
                   {"in SLO", Align::kRight},
                   {"worst stream", Align::kRight},
                   {"p99 ms", Align::kRight},
                   {"passes"}});
  for (const SimulatedRun& run : simulated.runs) {
    const rl::StreamMeasures all = run.measures.all();
    double worst = 1;
    for (const auto& stream : run.measures.streams) worst = std::min(worst, stream.attainment());
    const bool any = !run.measures.streams.empty();
    table.add({std::to_string(run.seed), grouped(static_cast<std::int64_t>(run.rate)),
               fmt::format("{:.0f}", run.rate / simulated.devices),
               fmt::format("{:.3f}", run.share_of_bound()), any ? percent(all.attainment()) : "-",
               any ? percent(worst) : "-", milliseconds(all.latency.percentile(0.99)),
               passes(simulated, run) ? "yes" : "no"});
  }
  return table.text();
}

/// What the scheduler and the devices of a run did.
std::string deeds(const SimulatedRun& run) {
  const rl::Measures& measures = run.measures;
  std::int64_t batches = 0;
  for (const std::int64_t count : measures.closed) batches += count;
  std::string text =
      fmt::format("cores busy {}, bandwidth in use {}; batches",
                  percent(share(measures.busy_core_seconds, measures.core_seconds), 0),
                  percent(share(measures.bandwidth_seconds, measures.device_seconds), 0));
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    text += fmt::format(
        "{} {} {}", i == 0 ? "" : ",",
        percent(share(static_cast<double>(measures.closed[i]), static_cast<double>(batches)), 0),
        kReasons[i]);
  }
  text +=
      fmt::format("; {} models loaded, {} devices ejected, {} readmitted", grouped(measures.loads),
                  grouped(measures.ejections), grouped(measures.readmissions));
  if (measures.comparisons > 0 || measures.fallbacks > 0) {
    text += fmt::format(
        "; the policy was compared with greedy-estimated {} times, which then "
        "decided {} times in its place, {:.2f} s in all",
        measures.comparisons, measures.fallbacks, measures.fallback_seconds);
  }
  if (measures.policy_steps > 0) {
    text += fmt::format("; the policy took {} steps of learning", measures.policy_steps);
  }
  return text;
}

Json latency_json(const rl::LatencyHistogram& latency) {
  return {{"p50", latency.percentile(0.5)},
          {"p90", latency.percentile(0.9)},
          {"p99", latency.percentile(0.99)},
          {"p99.9", latency.percentile(0.999)}};
}

Json stream_json(const rl::StreamMeasures& stream) {
  return {{"stream", stream.name},
          {"slo_seconds", std::isfinite(stream.slo) ? Json(stream.slo) : Json()},
          {"requests", stream.offered},
          {"in_time", stream.in_time},
          {"late", stream.late},
          {"dropped", stream.dropped},
          {"unfinished", stream.unfinished},
          {"attainment", stream.attainment()},
          {"batches", stream.batches},
          {"requests_per_batch", mean_batch(stream)},
          {"latency_seconds", latency_json(stream.latency)}};
}

/// In the words of MLPerf Inference's LoadGen. A stream's requests have a deadline of their own, so
/// the share that is in time stands for the percentile of latency that must meet it.
Json mlperf_json(const Simulated& simulated, const SimulatedRun& run) {
  const bool bulk = simulated.workload.bulk;
  return {{"scenario", bulk ? "Offline" : "Server"},
          {"result", passes(simulated, run) ? "VALID" : "INVALID"},
          {bulk ? "samples_per_second" : "scheduled_samples_per_second", run.rate}};
}

Json run_json(const Simulated& simulated, const SimulatedRun& run) {
  const rl::Measures& measures = run.measures;
  Json closed;
  for (std::size_t i = 0; i < kReasons.size(); ++i) closed[kReasons[i]] = measures.closed[i];
  Json json = {{"seed", run.seed},
               {"requests_per_second", run.rate},
               {"bound_requests_per_second", run.bound},
               {"share_of_bound", run.share_of_bound()},
               {"passes", passes(simulated, run)},
               {"runs", run.runs},
               {"all", stream_json(measures.all())},
               {"streams", Json::array()},
               {"batches_closed", std::move(closed)},
               {"busy_core_share", share(measures.busy_core_seconds, measures.core_seconds)},
               {"bandwidth_share", share(measures.bandwidth_seconds, measures.device_seconds)},
               {"makespan_seconds", measures.makespan},
               {"mlperf", mlperf_json(simulated, run)},
               {"choices_vetoed", measures.vetoed},
               {"choices_replaced", measures.replaced},
               {"requests_given_up", measures.given_up},
               {"requests_refused", measures.refused},
               {"models_loaded", measures.loads},
               {"devices_ejected", measures.ejections},
               {"devices_readmitted", measures.readmissions},
               {"requests_dispatched_again", measures.dispatched_again},
               {"policy_comparisons", measures.comparisons},
               {"policy_fallbacks", measures.fallbacks},
               {"policy_fallback_seconds", measures.fallback_seconds},
               {"policy_steps", measures.policy_steps},
               {"travel_seconds", measures.travel},
               {"stretch", measures.stretch},
               {"events", measures.events}};
  for (const rl::StreamMeasures& stream : measures.streams) {
    json["streams"].push_back(stream_json(stream));
  }
  return json;
}

std::string what_there_is(const Simulated& simulated) {
  if (!simulated.workload.bulk) return duration_text(simulated.seconds) + " of arrivals";
  return grouped(simulated.runs.front().measures.all().offered) + " rows";
}

}  // namespace

std::string simulated_text(const Simulated& simulated) {
  std::string text =
      fmt::format("workload {} on {} {}s (fleet {}), policy {}, {}\n", simulated.workload.name,
                  grouped(simulated.devices), simulated.device, simulated.fleet, simulated.policy,
                  what_there_is(simulated));
  if (simulated.round_period > 0 || simulated.round_delay > 0) {
    text += fmt::format("rounds every {} ms, {} ms on the way\n",
                        milliseconds(simulated.round_period), milliseconds(simulated.round_delay));
  }
  const SimulatedRun& first = simulated.runs.front();
  if (!first.measures.streams.empty()) {
    text += fmt::format("\n{}\n  {}\n", streams_table(first.measures), deeds(first));
  }
  if (simulated.workload.bulk) {
    text += fmt::format("  {} rows in {}\n", grouped(first.measures.all().offered),
                        duration_text(first.measures.makespan));
  }
  text += fmt::format("\n{}", runs_table(simulated));
  if (simulated.live) return text;
  std::int64_t requests = 0;
  for (const SimulatedRun& run : simulated.runs) requests += run.measures.all().offered;
  if (!simulated.found_goodput) {
    text += fmt::format(
        "\nsimulated {} requests in {}: {} requests/s\n", grouped(requests),
        duration_text(simulated.wall_seconds),
        grouped(static_cast<std::int64_t>(static_cast<double>(requests) / simulated.wall_seconds)));
    return text;
  }
  double share_sum = 0;
  for (const SimulatedRun& run : simulated.runs) share_sum += run.share_of_bound();
  text += fmt::format("\ngoodput: {:.3f} of the bound\n",
                      share_sum / static_cast<double>(simulated.runs.size()));
  return text;
}

std::string simulated_json(const Simulated& simulated) {
  Json json = {{"widepipe_version", kVersion},
               {"workload", simulated.workload.name},
               {"fleet", simulated.fleet},
               {"policy", simulated.policy},
               {"devices", simulated.devices},
               {"seconds", simulated.seconds},
               {"round_period_seconds", simulated.round_period},
               {"round_delay_seconds", simulated.round_delay},
               {"goodput_searched", simulated.found_goodput},
               {"wall_seconds", simulated.wall_seconds},
               {"runs", Json::array()}};
  for (const SimulatedRun& run : simulated.runs) json["runs"].push_back(run_json(simulated, run));
  return json.dump(2) + "\n";
}

const char* reason_text(schedule::CloseReason reason) {
  return kReasons[static_cast<std::size_t>(reason)];
}

std::string log_header() {
  return "at_s,batch,stream,device,cores,size,reason,waiting,head_slack_ms,expected_ms,speed,"
         "demand\n";
}

std::string log_line(const schedule::ClosedBatch& batch, const std::string& stream) {
  return fmt::format("{:.9f},{},{},{},{},{},{},{},{:.4f},{:.4f},{:.4f},{:.4f}\n", batch.at,
                     batch.batch, stream, batch.device, batch.cores, batch.size,
                     reason_text(batch.reason), batch.waiting, batch.head_slack / kMilli,
                     batch.expected / kMilli, batch.speed, batch.demand);
}

}  // namespace widepipe::jobs
