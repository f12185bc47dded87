#include "report/run_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/units.h"
#include "core/version.h"
#include "report/text_table.h"

namespace widepipe::report {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t sum(const std::vector<StreamReport>& streams, std::int64_t StreamReport::*field) {
  std::int64_t total = 0;
  for (const StreamReport& stream : streams) total += stream.*field;
  return total;
}

Json spread(const std::vector<double>& samples) {
  return {{"p50", schedule::percentile(samples, 0.50)},
          {"p90", schedule::percentile(samples, 0.90)},
          {"p99", schedule::percentile(samples, 0.99)},
          {"max", schedule::percentile(samples, 1.00)}};
}

/// A report is read whole, the journal is not.
constexpr std::size_t kMostFailedRanges = 1000;

Json failed_json(const std::vector<FailedRange>& failed) {
  Json ranges = Json::array();
  for (std::size_t i = 0; i < std::min(failed.size(), kMostFailedRanges); ++i) {
    const auto& [rows, reason] = failed[i];
    ranges.push_back({{"first", rows.first}, {"count", rows.count}, {"reason", reason}});
  }
  return ranges;
}

Json stream_json(const StreamReport& stream, double seconds) {
  std::vector<double> rows;
  std::vector<double> busy;
  std::vector<double> turnaround;
  for (const schedule::BatchTiming& batch : stream.batches) {
    rows.push_back(static_cast<double>(batch.dispatch.rows.count));
    busy.push_back(batch.busy);
    turnaround.push_back(batch.turnaround);
  }
  return {{"name", stream.name},
          {"model", stream.model},
          {"model_hash", stream.model_hash},
          {"input", stream.input},
          {"output", stream.output},
          {"rows_total", stream.rows_total},
          {"rows_before", stream.rows_before},
          {"rows_done", stream.rows_done},
          {"rows_failed", stream.rows_failed},
          {"failed", failed_json(stream.failed)},
          {"rows_per_second", seconds > 0 ? static_cast<double>(stream.rows_done) / seconds : 0},
          {"batches", stream.batches.size()},
          {"batch_rows", spread(rows)},
          {"batch_busy_seconds", spread(busy)},
          {"batch_turnaround_seconds", spread(turnaround)}};
}

Json device_json(const DeviceReport& device, double seconds) {
  return {{"rank", device.rank},
          {"host", device.host},
          {"kind", device.kind},
          {"isa", device.isa},
          {"instances", device.instances},
          {"cores_per_instance", device.cores_per_instance},
          {"left_out", device.left_out},
          {"rows_done", device.stats.rows},
          {"rows_rechecked", device.stats.rechecked},
          {"rows_per_second", seconds > 0 ? static_cast<double>(device.stats.rows) / seconds : 0},
          {"batches", device.stats.batches},
          {"batches_failed", device.stats.failed_batches},
          {"busy_seconds", device.stats.busy},
          {"busy_share", device.stats.busy_share(device.instances)}};
}

std::int64_t rate(std::int64_t rows, double seconds) {
  return seconds > 0 ? static_cast<std::int64_t>(static_cast<double>(rows) / seconds) : 0;
}

std::string streams_table(const RunReport& report) {
  using Align = TextTable::Align;
  TextTable table({{"stream"},
                   {"rows", Align::kRight},
                   {"before", Align::kRight},
                   {"failed", Align::kRight},
                   {"batches", Align::kRight},
                   {"rows a batch", Align::kRight},
                   {"rows/s", Align::kRight}});
  for (const StreamReport& stream : report.streams) {
    const auto batches = static_cast<std::int64_t>(stream.batches.size());
    table.add({stream.name, grouped(stream.rows_done), grouped(stream.rows_before),
               grouped(stream.rows_failed), grouped(batches),
               grouped(batches > 0 ? stream.rows_done / batches : 0),
               grouped(rate(stream.rows_done, report.seconds))});
  }
  return table.text();
}

}  // namespace

std::int64_t RunReport::rows_total() const { return sum(streams, &StreamReport::rows_total); }
std::int64_t RunReport::rows_before() const { return sum(streams, &StreamReport::rows_before); }
std::int64_t RunReport::rows_done() const { return sum(streams, &StreamReport::rows_done); }
std::int64_t RunReport::rows_failed() const { return sum(streams, &StreamReport::rows_failed); }

double RunReport::rows_per_second() const {
  return seconds > 0 ? static_cast<double>(rows_done()) / seconds : 0;
}

std::string to_json(const RunReport& report) {
  Json json = {{"widepipe_version", kVersion},
               {"verb", report.verb},
               {"status", report.status},
               {"exit_code", report.exit_code},
               {"rows_total", report.rows_total()},
               {"rows_before", report.rows_before()},
               {"rows_done", report.rows_done()},
               {"rows_failed", report.rows_failed()},
               {"seconds", report.seconds},
               {"seconds_setup", report.seconds_setup},
               {"rows_per_second", report.rows_per_second()},
               {"ranks", report.ranks},
               {"dedicated_scheduler", report.dedicated_scheduler},
               {"policy", report.policy},
               {"rows_via", report.rows_via},
               {"write_via", report.write_via},
               {"isa", report.isa},
               {"libraries", report.libraries},
               {"round_period_seconds", report.round_period_seconds},
               {"rounds", report.rounds},
               {"mean_round_seconds", report.mean_round_seconds}};
  json["streams"] = Json::array();
  json["devices"] = Json::array();
  for (const StreamReport& stream : report.streams) {
    json["streams"].push_back(stream_json(stream, report.seconds));
  }
  for (const DeviceReport& device : report.devices) {
    json["devices"].push_back(device_json(device, report.seconds));
  }
  // Reasons may come from files, and those in any encoding.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_report(const std::string& json, const std::string& path) {
  const std::string part = path + ".part";
  {
    std::ofstream file(part);
    file << json;
    file.close();
    if (!file) throw_run_error("report '{}' cannot be written: {}", path, errno_text());
  }
  if (std::rename(part.c_str(), path.c_str()) != 0) {
    throw_run_error("report '{}' cannot be written: {}", path, errno_text());
  }
}

std::string summary_text(const RunReport& report) {
  using Align = TextTable::Align;
  TextTable table({{"rank", Align::kRight},
                   {"host"},
                   {"device"},
                   {"rows", Align::kRight},
                   {"batches", Align::kRight},
                   {"rows a batch", Align::kRight},
                   {"rows/s", Align::kRight},
                   {"busy", Align::kRight}});
  for (const DeviceReport& device : report.devices) {
    const schedule::DeviceStats& stats = device.stats;
    table.add({std::to_string(device.rank), device.host,
               fmt::format("{} {} x {}", device.kind, device.instances,
                           device.cores_per_instance == 1
                               ? std::string("1 core")
                               : fmt::format("{} cores", device.cores_per_instance)),
               grouped(stats.rows), grouped(stats.batches),
               grouped(stats.batches > 0 ? stats.rows / stats.batches : 0),
               grouped(rate(stats.rows, report.seconds)),
               fmt::format("{:.0f} %", 100 * stats.busy_share(device.instances))});
  }
  std::string text = table.text();
  if (report.streams.size() > 1) text += '\n' + streams_table(report) + '\n';
  text +=
      fmt::format("{} rows in {}, {} rows/s", grouped(report.rows_done()),
                  duration_text(report.seconds), grouped(rate(report.rows_done(), report.seconds)));
  if (report.rows_before() > 0) {
    text += fmt::format("; {} were done before", grouped(report.rows_before()));
  }
  if (report.rows_failed() > 0) {
    text += fmt::format("; {} failed", grouped(report.rows_failed()));
  }
  return text + "\n";
}

}  // namespace widepipe::report
