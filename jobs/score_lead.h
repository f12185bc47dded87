#pragma once
// Rank 0's part of a score job, once everything is checked and every rank is ready.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobs/exit_codes.h"
#include "jobs/job_outputs.h"
#include "jobs/ready_job.h"
#include "jobs/score_text.h"
#include "jobs/stop_signal.h"
#include "mpi_runtime/leader.h"
#include "mpi_runtime/worker.h"
#include "report/run_report.h"

namespace widepipe::jobs {

/// What rank 0 works with; all of it outlives the ScoreLead.
struct LeadContext {
  mpi_runtime::Collectives& collectives;
  const ReadyJob& job;
  mpi_runtime::Worker* worker;  ///< null with a dedicated scheduler
  mpi_runtime::Wakeup& wakeup;
  const StopSignal& signal;
  mpi_runtime::WatchdogSettings watchdog;
  /// When the last batch must be back, so that there is time to record it; nothing: no end.
  std::optional<std::chrono::steady_clock::time_point> end;
};

/// The report of a job before this run did anything: all there is if earlier runs completed it.
report::RunReport complete_report(const ScoreSetup& setup, const std::string& isa, int ranks);

class ScoreLead {
 public:
  /// Opens outputs and journals, and records that a run began. Throws InputError or RunError, so
  /// it belongs inside agree(): no rank may wait in a round before this has gone well.
  explicit ScoreLead(const LeadContext& context);

  /// [collective, rank 0; the others are followers] Computes the missing rows. What goes wrong is
  /// for finish() to say. `seconds_setup` goes into the report.
  void run_rounds(double seconds_setup);

  /// Records the rest, writes the report and prints the summary; on any thread. Returns the exit
  /// code. Throws RunError.
  int finish();

 private:
  schedule::Seconds seconds_to_end() const;
  std::int64_t rows_before() const;
  schedule::Scheduler make_scheduler() const;
  mpi_runtime::LeaderSettings leader_settings(mpi_runtime::Watchdog& watchdog) const;
  mpi_runtime::LeaderResult lead();
  void leave_out(schedule::DeviceId device, const std::string& why);
  void leave_out(const schedule::Rechecks::Verdict& verdict);
  report::RunReport make_report(const mpi_runtime::LeaderResult& result) const;
  void say_outcome(const report::RunReport& report, bool signalled) const;

  const LeadContext context_;
  const JobSpec& job_;
  const std::vector<schedule::DeviceSpec> devices_;
  schedule::RunStats stats_;
  mpi_runtime::LeaderResult result_;  ///< of the rounds
  std::exception_ptr failure_;        ///< why there is none
  double seconds_setup_ = 0;
  std::chrono::steady_clock::time_point begin_;
  /// Watches the writers in finish(), and what they have left if that throws; the rounds have a
  /// watchdog of their own.
  std::optional<mpi_runtime::Watchdog> closing_;
  std::atomic<mpi_runtime::Watchdog*> writers_tell_ = nullptr;  ///< null or that one
  std::vector<std::string> left_out_;  ///< why, by DeviceId; empty if it is not
  JobOutputs outputs_;                 // last: its writers tell the watchdog
};

}  // namespace widepipe::jobs
