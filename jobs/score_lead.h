#pragma once
// Rank 0's part of a score job, once everything is checked and every rank is ready.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataset/durable_writer.h"
#include "dataset/journal.h"
#include "dataset/output_file.h"
#include "jobs/score.h"
#include "jobs/score_setup.h"
#include "jobs/score_text.h"
#include "jobs/stop_signal.h"
#include "mpi_runtime/leader.h"
#include "mpi_runtime/worker.h"
#include "report/run_report.h"

namespace widepipe::jobs {

/// Exit codes of a job that ran.
inline constexpr int kDone = 0;
inline constexpr int kFailedRows = 1;
inline constexpr int kStopped = 3;

/// Bytes of results, or of rows, that one rank may have in one round.
std::size_t payload_limit(int ranks);

/// What rank 0 works with; all of it outlives the ScoreLead.
struct LeadContext {
  const ScoreOptions& options;
  mpi_runtime::Collectives& collectives;
  const ScoreSetup& setup;
  const Fleet& fleet;
  mpi_runtime::Worker* worker;  ///< null with a dedicated scheduler
  mpi_runtime::Wakeup& wakeup;
  const StopSignal& signal;
  std::string isa;
};

/// Hands results to the writer's thread. Failed rows are recorded at the end of the job only: an
/// input that went away, or a device that turned bad, must not write off rows for good.
class WriterSink final : public mpi_runtime::ResultSink {
 public:
  /// More than `most_failed` failed rows end the job with a RunError, resumable.
  WriterSink(dataset::DurableWriter& writer, std::int64_t most_failed)
      : writer_(writer), most_failed_(most_failed) {}

  bool has_room() override { return writer_.has_room(); }
  void accept(mpi_runtime::FinishedRows rows) override;
  void reject(schedule::StreamId stream, RowRange rows, const std::string& reason) override;

  /// Hands the failed rows to the writer.
  void record_failed();

  std::int64_t rows_accepted() const { return rows_accepted_; }
  const std::vector<dataset::FailedRecord>& failed() const { return failed_; }

 private:
  dataset::DurableWriter& writer_;
  const std::int64_t most_failed_;
  std::int64_t rows_accepted_ = 0;
  std::int64_t rows_failed_ = 0;
  std::vector<dataset::FailedRecord> failed_;
};

/// The report of a job before this run did anything: all there is if an earlier run completed it.
report::RunReport complete_report(const ScoreSetup& setup, const ScoreOptions& options,
                                  const std::string& isa, int ranks);

class ScoreLead {
 public:
  /// Opens output and journal, and records that a run began. Throws InputError or RunError, so
  /// it belongs inside agree(): no rank may wait in a round before this has gone well.
  explicit ScoreLead(const LeadContext& context);

  /// [collective, rank 0; the others follow()] Computes the missing rows, records them, writes
  /// the report and prints the summary. Returns the exit code. Throws RunError after all ranks
  /// were released. `seconds_setup` goes into the report.
  int run(double seconds_setup);

 private:
  schedule::Scheduler make_scheduler() const;
  mpi_runtime::LeaderSettings leader_settings() const;
  mpi_runtime::LeaderResult run_rounds(WriterSink& sink);
  dataset::RunRecord run_record() const;
  report::RunReport make_report(const mpi_runtime::LeaderResult& result,
                                const WriterSink& sink) const;

  const LeadContext context_;
  const dataset::OutputSpec& spec_;
  const dataset::ResumeDecision& decision_;
  const std::vector<schedule::DeviceSpec> devices_;
  schedule::RunStats stats_;
  dataset::OutputFile output_;
  dataset::Journal journal_;
  std::optional<dataset::DurableWriter> writer_;  // last: writes to the two before
};

}  // namespace widepipe::jobs
