#include "jobs/plan_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/units.h"
#include "core/version.h"
#include "jobs/shell_words.h"
#include "report/text_table.h"

namespace widepipe::jobs {
namespace {

std::string layout_text(const Layout& layout) {
  return fmt::format("{}{} instance{} of {} core{}",
                     layout.ranks > 1 ? fmt::format("{} ranks, each with ", layout.ranks) : "",
                     layout.instances, layout.instances > 1 ? "s" : "", layout.cores,
                     layout.cores > 1 ? "s" : "");
}

std::string rate_text(double rows_per_second) {
  return rows_per_second < 100 ? fmt::format("{:.1f}", rows_per_second)
                               : grouped(static_cast<std::int64_t>(rows_per_second));
}

/// "1:05:00", "0:02:00": as sbatch takes it.
std::string limit_text(std::int64_t seconds) {
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string per_second(double bytes) { return fmt::format("{}/s", bytes_text(bytes)); }

std::string nodes_table(const Plan& plan) {
  using Align = report::TextTable::Align;
  report::TextTable table({{"nodes", Align::kRight},
                           {"ranks", Align::kRight},
                           {"time", Align::kRight},
                           {"from", Align::kRight},
                           {"to", Align::kRight},
                           {"node-hours", Align::kRight},
                           {"rows/s", Align::kRight},
                           {"writes", Align::kRight},
                           {""}});
  for (const NodesEstimate& one : plan.estimates) {
    table.add({std::to_string(one.nodes), std::to_string(one.ranks), duration_text(one.seconds),
               duration_text(one.least), duration_text(one.most),
               fmt::format("{:.3g}", one.node_hours), rate_text(one.rows_per_second),
               per_second(one.write_rate), one.writer_bound ? "rank 0 writes at its limit" : ""});
  }
  return table.text();
}

std::string submit_line(const Plan& plan) {
  std::vector<std::string> words = {
      "widepipe", "submit", fmt::format("--nodes={}", plan.suggestion.nodes),
      fmt::format("--time={}", limit_text(time_limit(plan.suggestion)))};
  if (plan.layout.ranks > 1) words.push_back(fmt::format("--tasks-per-node={}", plan.layout.ranks));
  if (plan.layout_chosen && plan.layout.cores > 1)
    words.push_back(fmt::format("--cores={}", plan.layout.cores));
  words.insert(words.end(), plan.arguments.begin(), plan.arguments.end());
  return shell_words(words);
}

std::string advice(const Plan& plan) {
  std::string text;
  if (plan.suggestion.most > plan.within_seconds) {
    text += fmt::format(
        "note: none of these ends within {}; an allocation that ends earlier is "
        "gone on with in the next\n",
        duration_text(plan.within_seconds));
  }
  if (plan.suggestion.writer_bound) {
    text += "note: rank 0 writes all results; --write-via ranks shares that among the ranks\n";
  }
  constexpr double kIdle = 0.85;
  if (plan.busy_share() < kIdle && !plan.suggestion.writer_bound) {
    text += fmt::format(
        "note: devices compute {:.0f} % of the time: what limits them is reading (or decoding) "
        "rows\n",
        100 * plan.busy_share());
  }
  return text;
}

}  // namespace

std::int64_t Plan::rows() const {
  std::int64_t rows = 0;
  for (const StreamTiming& stream : input.streams) rows += stream.rows;
  return rows;
}

double Plan::busy_share() const {
  double busy = 0;
  double seconds = 0;
  for (const StreamTiming& stream : input.streams) {
    busy += stream.timing.busy_share * stream.timing.seconds;
    seconds += stream.timing.seconds;
  }
  return seconds > 0 ? busy / seconds : 0;
}

std::string plan_text(const Plan& plan) {
  std::string text = fmt::format("widepipe {}: plan\n", kVersion);
  for (std::size_t i = 0; i < plan.streams.size(); ++i) {
    const PlanStream& stream = plan.streams[i];
    text += fmt::format("  job     {} of {} rows to compute: {}, {} -> {}\n",
                        grouped(plan.input.streams[i].rows), grouped(stream.rows_total),
                        stream.model, stream.input, stream.output);
  }
  text += fmt::format("  timed   {} on {} ({} core{}, {}); devices busy {:.0f} %\n",
                      duration_text(plan.timing_seconds), plan.host, plan.cores,
                      plan.cores > 1 ? "s" : "", plan.isa, 100 * plan.busy_share());
  for (const TriedLayout& tried : plan.tried) {
    text += fmt::format("  {}    {}: {} rows/s\n", tried.layout == plan.layout ? "best" : "also",
                        layout_text(tried.layout), rate_text(tried.rows_per_second));
  }
  text += fmt::format("  start   {} for checks and models, before the first row\n",
                      duration_text(plan.input.startup_seconds));
  text += fmt::format("  memory  {} a rank, at its peak; {} a node\n",
                      bytes_text(static_cast<double>(plan.memory_bytes)),
                      bytes_text(static_cast<double>(plan.memory_bytes) * plan.layout.ranks));
  text += fmt::format(
      "  disk    {} of output{}\n\n", bytes_text(static_cast<double>(plan.disk_bytes)),
      plan.disk_free == 0 ? ""
                          : fmt::format("; {} are free in its folder",
                                        bytes_text(static_cast<double>(plan.disk_free))));
  text += nodes_table(plan) + '\n' + advice(plan);
  return text + fmt::format(
                    "Nodes like this one, and a file system that keeps up, are assumed; "
                    "the launcher's time is not in it.\n"
                    "To end within {}:\n  {}\n",
                    duration_text(plan.within_seconds), submit_line(plan));
}

std::string plan_json(const Plan& plan) {
  using Json = nlohmann::ordered_json;
  const auto layout = [](const Layout& of) {
    return Json{{"ranks_per_node", of.ranks},
                {"instances", of.instances},
                {"cores_per_instance", of.cores}};
  };
  const auto nodes = [](const NodesEstimate& one) {
    return Json{{"nodes", one.nodes},
                {"ranks", one.ranks},
                {"seconds", one.seconds},
                {"seconds_least", one.least},
                {"seconds_most", one.most},
                {"node_hours", one.node_hours},
                {"rows_per_second", one.rows_per_second},
                {"write_bytes_per_second", one.write_rate},
                {"writer_bound", one.writer_bound}};
  };
  Json json{{"widepipe_version", kVersion},
            {"verb", "plan"},
            {"host", plan.host},
            {"cores", plan.cores},
            {"isa", plan.isa},
            {"rows", plan.rows()},
            {"timing_seconds", plan.timing_seconds},
            {"seconds_setup", plan.input.startup_seconds},
            {"busy_share", plan.busy_share()},
            {"memory_bytes_per_rank", plan.memory_bytes},
            {"disk_bytes", plan.disk_bytes}};
  for (std::size_t i = 0; i < plan.streams.size(); ++i) {
    const StreamTiming& stream = plan.input.streams[i];
    json["streams"].push_back({{"name", plan.streams[i].name},
                               {"rows", stream.rows},
                               {"rows_timed", stream.timing.rows},
                               {"rows_per_second", stream.timing.rows_per_second},
                               {"spread", stream.timing.spread},
                               {"write_seconds_per_row", stream.timing.write_seconds}});
  }
  for (const TriedLayout& tried : plan.tried) {
    Json one = layout(tried.layout);
    one["rows_per_second"] = tried.rows_per_second;
    json["layouts"].push_back(one);
  }
  for (const NodesEstimate& one : plan.estimates) json["estimates"].push_back(nodes(one));
  json["suggestion"] = nodes(plan.suggestion);
  json["suggestion"].update(layout(plan.layout));
  json["suggestion"]["time"] = limit_text(time_limit(plan.suggestion));
  return json.dump(2) + "\n";
}

}  // namespace widepipe::jobs
