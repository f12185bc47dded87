#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobs/ready_job.h"
#include "jobs/replay.h"
#include "jobs/replay_plan.h"
#include "jobs/replay_results.h"
#include "jobs/request_rows.h"
#include "mpi_runtime/model_executor.h"

namespace widepipe::jobs {

/// The job behind a replay of real models: which rows requests are for, who computes them, and
/// where results go.
class ReplayJob {
 public:
  /// [collective] Loads the models on all ranks. Throws InputError on all ranks, as do the others
  /// that are collective. `command` outlives it.
  ReplayJob(const ReplayCommand& command, mpi_runtime::Collectives& collectives);

  /// Nothing is left to compute.
  bool complete() const { return job_.complete(); }
  /// [collective]
  RealModels models();
  /// [collective] Opens what this rank reads.
  void open_inputs() { worker_ = job_.worker_config(); }
  /// Rank 0: ScoreSetup's.
  std::vector<std::string> files() const { return job_.setup().files(); }
  /// Rank 0: which rows requests are for. Throws InputError.
  void find_rows(const ReplayPlan& plan);
  RequestRows* rows() const { return rows_.get(); }

  /// [collective] The first that is written, if the command says so. `rank_names` outlive it.
  void open_outputs(const std::vector<std::string>& rank_names);
  /// Rank 0's, if they are written; else null.
  ReplayResults* results() const { return results_.get(); }

  /// Of this rank's device, which serves the streams of the plan; nothing if it has none.
  std::optional<mpi_runtime::ModelExecutorConfig> executor(const ReplayPlan& plan) const;

 private:
  std::vector<std::int64_t> rows_to_compute();
  void check_trace_rows(const ReplayPlan& plan) const;
  void check_payloads(const ReplayPlan& plan) const;

  const ReplayCommand& command_;
  mpi_runtime::Collectives& collectives_;
  const bool root_;
  ReadyJob job_;
  std::optional<mpi_runtime::WorkerConfig> worker_;
  std::unique_ptr<RequestRows> rows_;
  std::unique_ptr<ReplayResults> results_;
};

}  // namespace widepipe::jobs
