#include "jobs/score_lead.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/console.h"
#include "core/error.h"
#include "core/units.h"
#include "dataset/durable_writer.h"
#include "dataset/journal.h"
#include "dataset/output_file.h"
#include "kernels/isa.h"
#include "mpi_runtime/leader.h"
#include "report/progress.h"
#include "report/run_report.h"
#include "schedule/bulk_policy.h"

namespace widepipe::jobs {
namespace {

using Clock = std::chrono::steady_clock;

/// Failed rows that a job may end with, or a hundredth of its rows where that is more.
constexpr std::int64_t kMostFailed = 1000;

std::int64_t rows_in(const std::vector<dataset::FailedRecord>& failed) {
  std::int64_t rows = 0;
  for (const dataset::FailedRecord& record : failed) rows += record.rows.count;
  return rows;
}

std::vector<schedule::DeviceSpec> device_specs(const Fleet& fleet) {
  std::vector<schedule::DeviceSpec> specs;
  for (std::size_t rank = fleet.dedicated_scheduler ? 1 : 0; rank < fleet.devices.size(); ++rank) {
    const device::DeviceConfig& config = fleet.devices[rank];
    specs.push_back({static_cast<int>(rank), config.instances, config.cores_per_instance});
  }
  return specs;
}

}  // namespace

void WriterSink::accept(mpi_runtime::FinishedRows rows) {
  rows_accepted_ += rows.rows.count;
  writer_.submit({.rows = rows.rows,
                  .columns = std::move(rows.columns),
                  .owner = std::move(rows.owner),
                  .failed_reason = {}});
}

void WriterSink::reject(schedule::StreamId, RowRange rows, const std::string& reason) {
  failed_.push_back({rows, reason});
  rows_failed_ += rows.count;
  if (rows_failed_ > most_failed_) {
    throw_run_error(
        "more than {} rows failed, the last: {}; they are not recorded as failed: mend the cause "
        "and run the same command again",
        grouped(most_failed_), reason);
  }
}

void WriterSink::record_failed() {
  for (const dataset::FailedRecord& record : failed_) {
    writer_.submit(
        {.rows = record.rows, .columns = {}, .owner = {}, .failed_reason = record.reason});
  }
}

report::RunReport complete_report(const ScoreSetup& setup, const ScoreOptions& options,
                                  const std::string& isa, int ranks) {
  const std::int64_t failed = rows_in(setup.decision().failed);
  report::RunReport report;
  report.verb = "score";
  report.status = failed > 0 ? "failed-rows" : "done";
  report.exit_code = failed > 0 ? kFailedRows : kDone;
  report.ranks = ranks;
  report.policy = "bulk";
  report.rows_via = options.scatter_rows ? "scatter" : "ranks";
  report.isa = isa;
  report.libraries = kernels::kernel_library_versions();
  report.streams.push_back({.name = setup.model().label(),
                            .model = options.model,
                            .model_hash = setup.model().hash(),
                            .input = setup.input_text(),
                            .output = dataset::to_string(setup.spec().target),
                            .rows_total = setup.rows(),
                            .rows_before = setup.decision().done.count(),
                            .rows_failed = failed});
  return report;
}

ScoreLead::ScoreLead(const LeadContext& context)
    : context_(context),
      spec_(context.setup.spec()),
      decision_(context.setup.decision()),
      devices_(device_specs(context.fleet)),
      stats_(1, devices_.size()),
      output_(spec_),
      journal_(dataset::journal_path(spec_.target.file)) {
  const std::vector<dataset::JournalRecord> began = {run_record()};
  journal_.append(began);
  writer_.emplace(output_, journal_, dataset::DurableWriterOptions{});
}

schedule::Scheduler ScoreLead::make_scheduler() const {
  const model::Model& model = context_.setup.model();
  schedule::StreamSpec stream{.name = model.label()};
  for (const model::Port& port : model.inputs()) {
    stream.bytes_in_per_row += static_cast<std::int64_t>(port.bytes_per_row);
  }
  for (const model::Port& port : model.outputs()) {
    stream.bytes_out_per_row += static_cast<std::int64_t>(port.bytes_per_row);
  }
  schedule::SchedulerLimits limits;
  limits.max_batch_bytes =
      std::min(limits.max_batch_bytes,
               static_cast<std::int64_t>(payload_limit(context_.collectives.size())));
  schedule::Scheduler scheduler(
      {stream}, devices_, schedule::make_bulk_policy({.fixed_rows = context_.options.batch_rows}),
      limits);
  for (const RowRange& rows : decision_.todo(spec_.rows)) scheduler.add_rows(0, rows);
  return scheduler;
}

mpi_runtime::LeaderSettings ScoreLead::leader_settings() const {
  mpi_runtime::LeaderSettings settings;
  settings.round_period =
      std::chrono::microseconds(static_cast<std::int64_t>(context_.options.round_period_ms * 1000));
  if (context_.options.scatter_rows) settings.scatter_sources = {context_.setup.source()};
  std::vector<std::size_t>& column_bytes = settings.column_bytes.emplace_back();
  for (const model::Port& port : context_.setup.model().outputs()) {
    column_bytes.push_back(port.bytes_per_row);
  }
  return settings;
}

mpi_runtime::LeaderResult ScoreLead::run_rounds(WriterSink& sink) {
  schedule::Scheduler scheduler = make_scheduler();
  std::vector<int> device_ranks;
  for (const schedule::DeviceSpec& device : devices_) device_ranks.push_back(device.rank);
  const std::int64_t before = decision_.done.count();
  report::Progress progress(stderr, isatty(STDERR_FILENO) != 0, spec_.rows, before);
  const mpi_runtime::LeaderHooks hooks{
      .stop_requested = [this] { return context_.signal.received(); },
      .tick =
          [&](schedule::Seconds now) {
            if (!context_.options.quiet) progress.update(before + sink.rows_accepted(), now);
          }};
  mpi_runtime::Leader leader(context_.collectives, scheduler, device_ranks, context_.worker,
                             context_.wakeup, sink, stats_, leader_settings(), hooks);
  try {
    const mpi_runtime::LeaderResult result = leader.run();
    progress.finish();
    return result;
  } catch (...) {
    progress.finish();
    throw;
  }
}

dataset::RunRecord ScoreLead::run_record() const {
  std::vector<std::string> hosts;
  for (const mpi_runtime::RankPlace& place : context_.fleet.places) hosts.push_back(place.host);
  std::sort(hosts.begin(), hosts.end());
  hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
  return {{{"began", dataset::utc_now_text()},
           {"model", context_.options.model},
           {"hosts", fmt::format("{}", fmt::join(hosts, " "))},
           {"ranks", std::to_string(context_.collectives.size())},
           {"device", context_.options.device},
           {"instruction set", context_.isa}}};
}

report::RunReport ScoreLead::make_report(const mpi_runtime::LeaderResult& result,
                                         const WriterSink& sink) const {
  const ScoreOptions& options = context_.options;
  const std::int64_t before = decision_.done.count();
  const std::int64_t failed = rows_in(decision_.failed) + rows_in(sink.failed());
  const bool stopped = before + sink.rows_accepted() + failed < spec_.rows;
  report::RunReport report =
      complete_report(context_.setup, options, context_.isa, context_.collectives.size());
  report.status = stopped ? "stopped" : failed > 0 ? "failed-rows" : "done";
  report.exit_code = stopped ? kStopped : failed > 0 ? kFailedRows : kDone;
  report.dedicated_scheduler = context_.fleet.dedicated_scheduler;
  report.round_period_seconds = options.round_period_ms / 1000;
  report.rounds = result.rounds;
  report.mean_round_seconds = result.mean_round_seconds;
  report::StreamReport& stream = report.streams.front();
  stream.rows_done = sink.rows_accepted();
  stream.rows_failed = failed;
  stream.batches = stats_.batches(0);
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const auto rank = static_cast<std::size_t>(devices_[i].rank);
    report.devices.push_back({.rank = devices_[i].rank,
                              .host = context_.fleet.places[rank].host,
                              .kind = options.device,
                              .isa = context_.fleet.places[rank].isa,
                              .instances = devices_[i].instances,
                              .cores_per_instance = devices_[i].cores_per_instance,
                              .stats = stats_.devices()[i]});
  }
  return report;
}

int ScoreLead::run(double seconds_setup) {
  WriterSink sink(*writer_, std::max<std::int64_t>(kMostFailed, spec_.rows / 100));
  const Clock::time_point begin = Clock::now();
  const mpi_runtime::LeaderResult result = run_rounds(sink);
  const std::int64_t settled = decision_.done.count() + rows_in(decision_.failed) +
                               sink.rows_accepted() + rows_in(sink.failed());
  if (settled == spec_.rows) sink.record_failed();
  writer_->finish(settled == spec_.rows);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();

  const ScoreOptions& options = context_.options;
  report::RunReport report = make_report(result, sink);
  report.seconds = seconds;
  report.seconds_setup = seconds_setup;
  if (!options.quiet) {
    say(stdout, report::summary_text(report));
    if (settled == spec_.rows) say(stdout, failures_text(sink.failed(), spec_));
  }
  if (report.exit_code == kStopped) {
    say(stderr,
        fmt::format("widepipe: stopped early; {} of {} rows are recorded: run the same "
                    "command again to go on\n",
                    grouped(decision_.done.count() + sink.rows_accepted()), grouped(spec_.rows)));
  }
  if (!options.report_file.empty()) report::write_json(report, options.report_file);
  return report.exit_code;
}

std::size_t payload_limit(int ranks) {
  return mpi_runtime::kMaxPayloadBytes / static_cast<std::size_t>(ranks);
}

}  // namespace widepipe::jobs
