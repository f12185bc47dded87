#include "jobs/score.h"

#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "core/console.h"
#include "core/error.h"
#include "core/units.h"
#include "dataset/output_file.h"
#include "jobs/allocation.h"
#include "jobs/ready_job.h"
#include "jobs/score_lead.h"
#include "jobs/score_text.h"
#include "jobs/seconds_since.h"
#include "jobs/start_device.h"
#include "jobs/stop_signal.h"
#include "jobs/stream_error.h"
#include "mpi_runtime/agreement.h"
#include "mpi_runtime/follower.h"
#include "mpi_runtime/heartbeat.h"
#include "report/run_report.h"

namespace widepipe::jobs {
namespace {

using Clock = std::chrono::steady_clock;

/// Empty if there is no such file.
std::vector<std::byte> file_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

/// One run of the job, the same steps on every rank.
class ScoreRun {
 public:
  ScoreRun(const ScoreCommand& command, mpi_runtime::Collectives& collectives)
      : collectives_(collectives),
        root_(collectives.rank() == 0),
        heartbeat_(collectives),
        job_(command, collectives, &heartbeat_) {}

  int run();

 private:
  int compute(std::unique_ptr<ScoreLead> lead);
  int tell_dry_run();
  int report_complete() const;
  void say_left_out() const;
  void open_outputs();
  std::optional<Clock::time_point> end() const;
  mpi_runtime::WatchdogSettings watchdog_settings() const;
  const JobSettings& options() const { return job_.settings(); }
  void say(const std::string& text) const {
    if (root_ && !options().quiet) widepipe::say(stdout, text);
  }

  mpi_runtime::Collectives& collectives_;
  const bool root_;
  const Clock::time_point start_ = Clock::now();
  const StopSignal signal_;
  mpi_runtime::Heartbeat heartbeat_;
  ReadyJob job_;
  mpi_runtime::Wakeup wakeup_;
  std::unique_ptr<mpi_runtime::Worker> worker_;  // ranks with a sound device
};

int ScoreRun::run() {
  if (job_.complete()) return root_ ? report_complete() : kDone;
  worker_ = start_device(job_, collectives_, wakeup_);
  say_left_out();
  if (options().dry_run) return tell_dry_run();
  mpi_runtime::agree(collectives_, [&] {
    if (root_) job_.setup().create_files();
  });
  if (options().write_via_ranks) open_outputs();
  std::unique_ptr<ScoreLead> lead;
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) return;
    lead = std::make_unique<ScoreLead>(LeadContext{.collectives = collectives_,
                                                   .job = job_,
                                                   .worker = worker_.get(),
                                                   .wakeup = wakeup_,
                                                   .signal = signal_,
                                                   .watchdog = watchdog_settings(),
                                                   .end = end()});
  });
  if (lead) say(start_text(job_.setup(), job_.fleet()));
  return compute(std::move(lead));
}

/// [collective] The rounds, and then the end, for which the other ranks wait.
int ScoreRun::compute(std::unique_ptr<ScoreLead> lead) {
  heartbeat_.stop();
  if (lead) {
    lead->run_rounds(seconds_since(start_));
  } else {
    mpi_runtime::Watchdog watchdog(watchdog_settings());
    mpi_runtime::Follower(
        collectives_, worker_.get(),
        {.stop_requested = [this] { return signal_.received(); }, .watchdog = &watchdog})
        .run(wakeup_);
  }
  heartbeat_.start(watchdog_time(options()));
  int code = kDone;
  mpi_runtime::agree(collectives_, [&] {
    if (const auto mine = std::move(lead)) code = mine->finish();
  });
  heartbeat_.stop();
  return code;
}

mpi_runtime::WatchdogSettings ScoreRun::watchdog_settings() const {
  mpi_runtime::WatchdogSettings settings{
      .limit = watchdog_time(options()), .rank = collectives_.rank(), .names = {}};
  for (std::size_t rank = 0; rank < job_.fleet().places.size(); ++rank) {
    settings.names.push_back(job_.rank_name(rank));
  }
  return settings;
}

/// When the last batch must be back.
std::optional<Clock::time_point> ScoreRun::end() const {
  const double so_far = seconds_since(start_);
  std::optional<double> left = options().seconds_left;
  if (!left) {
    const std::chrono::duration<double> unix_time =
        std::chrono::system_clock::now().time_since_epoch();
    left = allocation_seconds_left(mpi_runtime::process_environment(), unix_time.count() - so_far);
  }
  constexpr double kNoEnd = 1e9;  // 30 years
  if (!left || *left > kNoEnd) return std::nullopt;
  return start_ + std::chrono::duration_cast<Clock::duration>(
                      std::chrono::duration<double>(*left - closing_seconds(*left)));
}

/// [collective]
int ScoreRun::tell_dry_run() {
  const std::size_t mine = worker_ ? worker_->device().memory_bytes() : 0;
  std::vector<std::uint64_t> memory;
  for (const std::string& bytes : collectives_.all_texts(std::to_string(mine))) {
    memory.push_back(std::stoull(bytes));
  }
  if (root_)
    say(start_text(job_.setup(), job_.fleet()) + dry_run_text(job_.setup(), job_.active(), memory));
  return kDone;
}

int ScoreRun::report_complete() const {
  for (const auto& stream : job_.setup().streams()) {
    say(fmt::format(
        "{} is complete: {} of {} rows were scored before; {} (--restart begins anew)\n",
        dataset::to_string(stream->spec().target), grouped(stream->decision().done.count()),
        grouped(stream->rows()),
        options().retry_failed ? "no failed rows to try again" : "nothing to do"));
    say(failures_text(stream_prefix(job_.job(), stream->stream()), stream->decision().failed,
                      stream->spec()));
  }
  const report::RunReport report = complete_report(job_.setup(), job_.isa(), collectives_.size());
  if (!options().report_file.empty() && !options().dry_run) {
    report::write_report(report::to_json(report), options().report_file);
  }
  return report.exit_code;
}

void ScoreRun::say_left_out() const {
  const std::vector<std::string>& reasons = job_.fleet().left_out;
  for (std::size_t rank = 0; root_ && rank < reasons.size(); ++rank) {
    if (reasons[rank].empty()) continue;
    widepipe::say(stderr, left_out_text(job_.fleet(), rank, "no work", reasons[rank]));
  }
}

/// Every rank with a device opens the files that rank 0 made: those, and not others of their names.
void ScoreRun::open_outputs() {
  mpi_runtime::RowWriter::Outputs outputs;
  try {
    for (std::size_t id = 0; id < job_.active().size(); ++id) {
      // Only a run holds the lock, and it names the process: no other file has this content.
      std::vector<std::byte> mark;
      mpi_runtime::agree(collectives_, [&] {
        if (root_) mark = file_bytes(dataset::lock_path(job_.stream(id).output.file));
      });
      collectives_.broadcast(mark);
      std::int64_t rows = root_ ? job_.setup().stream(job_.active()[id]).rows() : 0;
      std::vector<std::byte> bytes(sizeof(rows));
      std::memcpy(bytes.data(), &rows, sizeof(rows));
      collectives_.broadcast(bytes);
      std::memcpy(&rows, bytes.data(), sizeof(rows));
      mpi_runtime::agree(collectives_, [&] {
        if (!worker_) return;
        if (file_bytes(dataset::lock_path(job_.stream(id).output.file)) != mark) {
          throw_input_error(
              "output '{}' is not the one that rank 0 made: --write-via ranks needs a file system "
              "that all ranks share",
              job_.stream(id).output.file);
        }
        for_stream(job_.job(), job_.stream(id), [&] {
          outputs.push_back(std::make_unique<dataset::OutputFile>(job_.result(id, rows)));
        });
      });
    }
  } catch (const InputError&) {
    if (root_) job_.setup().remove_files();
    throw;
  }
  if (worker_) worker_->write_to(std::move(outputs));
}

}  // namespace

int run_score(const ScoreCommand& command, mpi_runtime::Collectives& collectives) {
  return ScoreRun(command, collectives).run();
}

}  // namespace widepipe::jobs
