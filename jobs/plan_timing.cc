#include "jobs/plan_timing.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "core/cpu.h"
#include "core/error.h"
#include "dataset/carrying_sink.h"
#include "dataset/disk.h"
#include "dataset/durable_writer.h"
#include "dataset/posix_file.h"
#include "jobs/schedule_specs.h"
#include "jobs/score_sink.h"
#include "jobs/seconds_since.h"
#include "mpi_runtime/leader.h"
#include "schedule/bulk_policy.h"
#include "schedule/scheduler.h"

namespace widepipe::jobs {
namespace {

using Clock = std::chrono::steady_clock;

/// A file that is gone when it is closed, whatever becomes of this process.
dataset::UniqueFd nameless_file(const std::string& folder) {
  dataset::UniqueFd fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd.valid()) return fd;
  std::string path = folder + "/.widepipe-plan-XXXXXX";  // for file systems without such files
  fd = dataset::UniqueFd(::mkostemp(path.data(), O_CLOEXEC));
  if (!fd.valid()) throw_run_error("{}: cannot be written: {}", folder, errno_text());
  ::unlink(path.c_str());
  return fd;
}

/// Takes rows and records as an output and its journal do, one after the other.
class ScratchSink final : public dataset::RowSink, public dataset::RecordLog {
 public:
  ScratchSink(const std::string& folder, std::size_t columns)
      : folder_(folder),
        columns_(columns),
        rows_(nameless_file(folder)),
        journal_(nameless_file(folder)) {}

  std::size_t column_count() const override { return columns_; }
  void write_rows(std::size_t /*column*/, RowRange /*rows*/,
                  std::span<const std::byte> bytes) override {
    append(rows_, row_bytes_, bytes);
  }
  void write_status(RowRange rows, dataset::RowStatus status) override {
    const std::vector<std::byte> marks(static_cast<std::size_t>(rows.count),
                                       static_cast<std::byte>(status));
    append(rows_, row_bytes_, marks);
  }
  void sync() override { flush(rows_); }
  void append(std::span<const dataset::JournalRecord> records) override {
    const std::vector<std::byte> lines(kRecordBytes * records.size());
    append(journal_, journal_bytes_, lines);
    flush(journal_);
  }

  /// Spent in writing and syncing. After the writer has ended.
  double seconds() const { return seconds_; }

 private:
  static constexpr std::size_t kRecordBytes = 64;

  void append(const dataset::UniqueFd& file, std::uint64_t& at, std::span<const std::byte> bytes) {
    const Clock::time_point start = Clock::now();
    if (!dataset::write_at(file.get(), at, bytes)) {
      throw_run_error("{}: cannot be written: {}", folder_, errno_text());
    }
    at += bytes.size();
    seconds_ += seconds_since(start);
  }
  void flush(const dataset::UniqueFd& file) {
    const Clock::time_point start = Clock::now();
    if (!dataset::sync_data(file.get())) {
      throw_run_error("{}: cannot be synced to disk: {}", folder_, errno_text());
    }
    seconds_ += seconds_since(start);
  }

  const std::string folder_;
  const std::size_t columns_;
  const dataset::UniqueFd rows_;
  const dataset::UniqueFd journal_;
  std::uint64_t row_bytes_ = 0;
  std::uint64_t journal_bytes_ = 0;
  double seconds_ = 0;
};

/// Notes when rows come back, and hands them on.
class MarkingSink final : public mpi_runtime::ResultSink {
 public:
  MarkingSink(mpi_runtime::ResultSink& next, Clock::time_point start)
      : next_(next), start_(start) {}

  bool has_room() override { return next_.has_room(); }
  void accept(mpi_runtime::FinishedRows rows) override {
    add(rows.rows.count);
    next_.accept(std::move(rows));
  }
  void reject(mpi_runtime::FailedRows rows) override {
    add(rows.rows.count);
    next_.reject(std::move(rows));
  }
  void take_back(schedule::StreamId stream, const std::vector<RowRange>& rows) override {
    next_.take_back(stream, rows);
  }

  const std::vector<Mark>& marks() const { return marks_; }
  std::int64_t rows() const { return marks_.empty() ? 0 : marks_.back().rows; }

 private:
  void add(std::int64_t count) { marks_.push_back({seconds_since(start_), rows() + count}); }

  mpi_runtime::ResultSink& next_;
  const Clock::time_point start_;
  std::vector<Mark> marks_;
};

/// The calling thread, and those that it starts meanwhile, on some CPUs only.
class OnSomeCpus {
 public:
  explicit OnSomeCpus(const std::vector<int>& cpus) : all_(read_cpu_budget().cpus) { run_on(cpus); }
  ~OnSomeCpus() { run_on(all_); }
  OnSomeCpus(const OnSomeCpus&) = delete;
  OnSomeCpus& operator=(const OnSomeCpus&) = delete;

 private:
  const std::vector<int> all_;
};

}  // namespace

LayoutTimer::LayoutTimer(const ReadyJob& job, mpi_runtime::WorkerConfig config,
                         const Layout& layout, mpi_runtime::Collectives& alone)
    : job_(job), alone_(alone), layout_(layout) {
  const CpuBudget budget = read_cpu_budget();
  cpus_ = cpus_of_cores(budget.cpus, std::max(budget.cores / layout.ranks, 1));
  const OnSomeCpus here(cpus_);
  config.device.instances = layout.instances;
  config.device.cores_per_instance = layout.cores;
  worker_.emplace(config, wakeup_);
}

Timing LayoutTimer::time(schedule::StreamId stream, const std::vector<RowRange>& rows,
                         double seconds) {
  const OnSomeCpus here(cpus_);
  const JobSettings& settings = job_.settings();
  std::vector<schedule::StreamSpec> specs;
  mpi_runtime::LeaderSettings leading;
  leading.round_period =
      std::chrono::microseconds(static_cast<std::int64_t>(settings.round_period_ms * 1000));
  for (const std::size_t index : job_.active()) {
    const StreamSetup& setup = job_.setup().stream(index);
    specs.push_back(stream_spec(setup, settings));
    if (settings.scatter_rows) leading.scatter_sources.push_back(setup.source());
    leading.column_bytes.push_back(mpi_runtime::column_bytes(setup.model(), setup.outputs()));
  }
  schedule::SchedulerLimits limits;
  limits.max_batch_bytes =
      std::min(limits.max_batch_bytes, static_cast<std::int64_t>(payload_limit(alone_.size())));
  limits.end = seconds;
  // A first batch of a slow model must not take the whole time.
  schedule::Scheduler scheduler(std::move(specs), {{0, layout_.instances, layout_.cores}},
                                schedule::make_bulk_policy({.first_rows = 1}), limits);
  for (const RowRange& range : rows) scheduler.add_rows(stream, range);

  const StreamSetup& setup = job_.setup().stream(job_.active()[stream]);
  ScratchSink scratch(dataset::folder_of(setup.output_file()), setup.spec().columns.size());
  dataset::CarryingSink carrying(scratch, setup.carried());
  dataset::DurableWriter writer(carrying, scratch, {});
  std::vector<WriterSink::Stream> writers(
      job_.active().size(),
      {writer, most_failed(setup.rows()), stream_prefix(job_.job(), setup.stream())});
  WriterSink sink(writers);
  const Clock::time_point start = Clock::now();
  MarkingSink marking(sink, start);
  schedule::RunStats stats(job_.active().size(), 1);
  mpi_runtime::Leader leader(alone_, scheduler, {0}, &*worker_, wakeup_, marking, stats,
                             std::move(leading),
                             {.stop_requested = [] { return false; }, .tick = [](double) {}});
  leader.run();
  writer.finish(false);

  Timing timing;
  timing.rows = marking.rows();
  timing.seconds = seconds_since(start);
  timing.whole = timing.rows == count_rows(rows);
  add_rate(marking.marks(), seconds, timing);
  timing.busy_share = stats.devices()[0].busy_share(layout_.instances);
  if (timing.rows > 0) timing.write_seconds = scratch.seconds() / static_cast<double>(timing.rows);
  return timing;
}

std::vector<RowRange> spread_rows(const std::vector<RowRange>& rows, std::int64_t count,
                                  std::int64_t length) {
  const std::int64_t total = count_rows(rows);
  if (count * length >= total) return rows;
  std::vector<RowRange> some;
  std::int64_t before = 0;  // rows in the ranges that are behind
  std::size_t range = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t first = total / count * i;  // counted over all ranges
    while (first >= before + rows[range].count) before += rows[range++].count;
    const std::int64_t offset = first - before;
    some.push_back({rows[range].first + offset, std::min(length, rows[range].count - offset)});
  }
  return some;
}

}  // namespace widepipe::jobs
