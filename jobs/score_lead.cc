#include "jobs/score_lead.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "core/console.h"
#include "core/error.h"
#include "core/units.h"
#include "device/device_list.h"
#include "jobs/schedule_specs.h"
#include "jobs/seconds_since.h"
#include "jobs/stream_error.h"
#include "report/progress.h"
#include "schedule/bulk_policy.h"

namespace widepipe::jobs {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<report::FailedRange> failed_ranges(const std::vector<dataset::FailedRecord>& records) {
  std::vector<report::FailedRange> ranges;
  for (const auto& [rows, reason] : records) ranges.push_back({rows, reason});
  return ranges;
}

void set_outcome(report::RunReport& report, bool stopped) {
  const bool failed = report.rows_failed() > 0;
  report.status = stopped ? "stopped" : failed ? "failed-rows" : "done";
  report.exit_code = stopped ? kStopped : failed ? kFailedRows : kDone;
}

}  // namespace

report::RunReport complete_report(const ScoreSetup& setup, const std::string& isa, int ranks) {
  report::RunReport report;
  report.verb = "score";
  report.ranks = ranks;
  report.policy = "bulk";
  report.rows_via = setup.job().settings.scatter_rows ? "scatter" : "ranks";
  report.write_via = setup.job().settings.write_via_ranks ? "ranks" : "gather";
  report.isa = isa;
  report.libraries = device::library_versions(setup.job().settings.device);
  for (const auto& stream : setup.streams()) {
    report.streams.push_back({.name = stream->stream().name,
                              .model = stream->stream().model,
                              .model_hash = stream->model().hash(),
                              .input = stream->input_text(),
                              .output = dataset::to_string(stream->spec().target),
                              .rows_total = stream->rows(),
                              .rows_before = stream->decision().done.count(),
                              .rows_failed = rows_in(stream->decision().failed),
                              .failed = failed_ranges(stream->decision().failed)});
  }
  set_outcome(report, false);
  return report;
}

ScoreLead::ScoreLead(const LeadContext& context)
    : context_(context),
      job_(context.job.job()),
      devices_(device_specs(context.job.fleet())),
      stats_(context.job.active().size(), devices_.size()),
      left_out_(devices_.size()),
      outputs_(context.job, context.collectives.size(), [this] {
        mpi_runtime::Watchdog* const watchdog = writers_tell_;
        if (watchdog == nullptr) return;
        watchdog->turn();
        watchdog->round_done();
      }) {}

schedule::Seconds ScoreLead::seconds_to_end() const {
  return context_.end ? std::chrono::duration<double>(*context_.end - Clock::now()).count()
                      : std::numeric_limits<double>::infinity();
}

schedule::Scheduler ScoreLead::make_scheduler() const {
  std::vector<schedule::StreamSpec> specs;
  for (std::size_t id = 0; id < outputs_.size(); ++id) {
    specs.push_back(stream_spec(outputs_.setup(id), job_.settings));
  }
  schedule::SchedulerLimits limits;
  limits.max_batch_bytes =
      std::min(limits.max_batch_bytes,
               static_cast<std::int64_t>(payload_limit(context_.collectives.size())));
  limits.end = seconds_to_end();
  limits.recheck_share = job_.settings.recheck_share;
  schedule::Scheduler scheduler(std::move(specs), devices_, schedule::make_bulk_policy({}), limits);
  for (std::size_t id = 0; id < outputs_.size(); ++id) {
    for (const RowRange& rows : outputs_.setup(id).rows_to_compute()) {
      scheduler.add_rows(static_cast<schedule::StreamId>(id), rows);
    }
  }
  return scheduler;
}

mpi_runtime::LeaderSettings ScoreLead::leader_settings(mpi_runtime::Watchdog& watchdog) const {
  mpi_runtime::LeaderSettings settings;
  settings.watchdog = &watchdog;
  settings.round_period =
      std::chrono::microseconds(static_cast<std::int64_t>(job_.settings.round_period_ms * 1000));
  if (watchdog.limit().count() > 0) {  // rounds are its heartbeat
    settings.round_period =
        std::min<std::chrono::microseconds>(settings.round_period, watchdog.limit() / 10);
  }
  for (std::size_t id = 0; id < outputs_.size(); ++id) {
    const StreamSetup& setup = outputs_.setup(id);
    if (job_.settings.scatter_rows) settings.scatter_sources.push_back(setup.source());
    settings.column_bytes.push_back(
        job_.settings.write_via_ranks ? std::vector<std::size_t>{}
                                      : mpi_runtime::column_bytes(setup.model(), setup.outputs()));
  }
  return settings;
}

/// Of all streams, those that are complete included: as a person counts the job.
std::int64_t ScoreLead::rows_before() const {
  std::int64_t rows = 0;
  for (const auto& stream : context_.job.setup().streams()) rows += stream->decision().done.count();
  return rows;
}

void ScoreLead::run_rounds(double seconds_setup) {
  seconds_setup_ = seconds_setup;
  begin_ = Clock::now();
  try {
    result_ = lead();
  } catch (const RunError&) {
    failure_ = std::current_exception();
  }
}

mpi_runtime::LeaderResult ScoreLead::lead() {
  schedule::Scheduler scheduler = make_scheduler();
  std::vector<int> device_ranks;
  for (const schedule::DeviceSpec& device : devices_) device_ranks.push_back(device.rank);
  const std::int64_t before = rows_before();
  std::int64_t total = 0;
  for (const auto& stream : context_.job.setup().streams()) total += stream->rows();
  report::Progress progress(stderr, isatty(STDERR_FILENO) != 0, total, before, seconds_to_end());
  const mpi_runtime::LeaderHooks hooks{
      .stop_requested = [this] { return context_.signal.received(); },
      .tick =
          [&](schedule::Seconds now) {
            if (!job_.settings.quiet)
              progress.update(before + outputs_.sink().rows_accepted(), now);
          },
      .quarantined =
          [&](schedule::DeviceId device, const std::string& error) {
            progress.finish();
            leave_out(device, fmt::format("batches failed on it that other devices computed, at "
                                          "last: {}",
                                          error));
          },
      .judged =
          [&](const schedule::Rechecks::Verdict& verdict) {
            progress.finish();
            leave_out(verdict);
          }};
  mpi_runtime::Watchdog watchdog(context_.watchdog);
  mpi_runtime::Leader leader(context_.collectives, scheduler, device_ranks, context_.worker,
                             context_.wakeup, outputs_.sink(), stats_, leader_settings(watchdog),
                             hooks);
  try {
    const mpi_runtime::LeaderResult result = leader.run();
    progress.finish();
    return result;
  } catch (...) {
    progress.finish();
    throw;
  }
}

void ScoreLead::leave_out(const schedule::Rechecks::Verdict& verdict) {
  for (const schedule::DeviceId device : verdict.wrong) {
    if (!left_out_[device].empty()) continue;
    leave_out(device,
              fmt::format("its results of rows {} to {} are not those of {}; what it did in "
                          "this run is computed again",
                          verdict.rows.first, verdict.rows.end() - 1,
                          verdict.undecided ? "the other device" : "two other devices"));
  }
}

void ScoreLead::leave_out(schedule::DeviceId device, const std::string& why) {
  const auto rank = static_cast<std::size_t>(devices_[device].rank);
  left_out_[device] = why;
  say(stderr, left_out_text(context_.job.fleet(), rank, "no more work", left_out_[device]));
}

report::RunReport ScoreLead::make_report(const mpi_runtime::LeaderResult& result) const {
  report::RunReport report =
      complete_report(context_.job.setup(), context_.job.isa(), context_.collectives.size());
  report.dedicated_scheduler = context_.job.fleet().dedicated_scheduler;
  report.round_period_seconds = job_.settings.round_period_ms / 1000;
  report.rounds = result.rounds;
  report.mean_round_seconds = result.mean_round_seconds;
  bool stopped = false;
  for (std::size_t id = 0; id < outputs_.size(); ++id) {
    const StreamTally& tally = outputs_.sink().tally(static_cast<schedule::StreamId>(id));
    report::StreamReport& stream = report.streams[context_.job.active()[id]];
    stream.rows_done = tally.accepted;
    const dataset::FailedRows all_failed = outputs_.failed(id);
    stream.rows_failed = all_failed.count();
    stream.failed = failed_ranges(all_failed.records());
    stream.batches = stats_.batches(static_cast<schedule::StreamId>(id));
    stopped |= !outputs_.settled(id);
  }
  set_outcome(report, stopped);
  const Fleet& fleet = context_.job.fleet();
  std::size_t i = 0;  // among those that got work
  for (std::size_t rank = fleet.dedicated_scheduler ? 1 : 0; rank < fleet.devices.size(); ++rank) {
    const bool unsound = !fleet.left_out[rank].empty();
    report.devices.push_back({.rank = static_cast<int>(rank),
                              .host = fleet.places[rank].host,
                              .kind = job_.settings.device,
                              .isa = fleet.places[rank].isa,
                              .instances = fleet.devices[rank].instances,
                              .cores_per_instance = fleet.devices[rank].cores_per_instance,
                              .left_out = unsound ? fleet.left_out[rank] : left_out_[i],
                              .stats = unsound ? schedule::DeviceStats{} : stats_.devices()[i]});
    if (!unsound) ++i;
  }
  return report;
}

void ScoreLead::say_outcome(const report::RunReport& report, bool signalled) const {
  if (!job_.settings.quiet) {
    say(stdout, report::summary_text(report));
    for (std::size_t id = 0; id < outputs_.size(); ++id) {
      if (!outputs_.settled(id)) continue;
      const StreamSetup& setup = outputs_.setup(id);
      say(stdout, failures_text(stream_prefix(job_, setup.stream()), outputs_.failed(id).records(),
                                setup.spec()));
    }
  }
  if (report.exit_code == kStopped) {
    say(stderr,
        fmt::format("widepipe: stopped early{}; {} of {} rows are recorded: run the same command "
                    "again to go on\n",
                    signalled ? "" : ", as the time left ends",
                    grouped(report.rows_before() + report.rows_done()),
                    grouped(report.rows_total())));
  }
}

int ScoreLead::finish() {
  closing_.emplace(context_.watchdog);
  writers_tell_ = &*closing_;
  if (failure_) std::rethrow_exception(failure_);
  outputs_.finish();  // ends the writers: they tell no more
  writers_tell_ = nullptr;
  closing_.reset();

  report::RunReport report = make_report(result_);
  report.seconds = seconds_since(begin_);
  report.seconds_setup = seconds_setup_;
  say_outcome(report, result_.stopped);
  if (!job_.settings.report_file.empty())
    report::write_report(report::to_json(report), job_.settings.report_file);
  return report.exit_code;
}

}  // namespace widepipe::jobs
