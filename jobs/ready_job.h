#pragma once
// A job that is checked and loaded on every rank: what `score` runs and `plan` times.

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "jobs/job_spec.h"
#include "jobs/score_setup.h"
#include "jobs/score_text.h"
#include "model/model.h"
#include "mpi_runtime/collectives.h"
#include "mpi_runtime/heartbeat.h"
#include "mpi_runtime/worker.h"

namespace widepipe::jobs {

/// Above this many ranks scheduling is work enough for rank 0.
inline constexpr int kMostRanksWithSharedScheduler = 16;

/// Bytes of results, or of rows, that one rank may have in one round.
std::size_t payload_limit(int ranks);

/// The same on every rank, but for what rank 0 alone knows.
class ReadyJob {
 public:
  /// [collective] Reads and checks everything, then gives every rank the models of the streams
  /// that earlier runs did not complete. Writes nothing but locks, and the last record of a stream
  /// that only lacks it. Throws InputError on all ranks.
  /// `heartbeat` may be null; the job says which watchdog's time it has.
  ReadyJob(const ScoreCommand& command, mpi_runtime::Collectives& collectives,
           mpi_runtime::Heartbeat* heartbeat = nullptr);

  const JobSpec& job() const { return job_; }
  const JobSettings& settings() const { return job_.settings; }
  const std::string& isa() const { return isa_; }
  /// Rank 0 only.
  const ScoreSetup& setup() const { return *setup_; }
  /// Streams with rows to compute, by StreamId; with none there are no models and no fleet.
  const std::vector<std::size_t>& active() const { return active_; }
  bool complete() const { return active_.empty(); }
  const StreamSpec& stream(std::size_t id) const { return job_.streams[active_[id]]; }
  /// By StreamId; streams may share one.
  const std::vector<std::shared_ptr<const model::Model>>& models() const { return models_; }
  const Fleet& fleet() const { return fleet_; }
  /// Why devices get no work, by rank; empty where they do. The same on every rank.
  void leave_out(std::vector<std::string> reasons) { fleet_.left_out = std::move(reasons); }
  std::string rank_name(std::size_t rank) const;
  /// This rank's kind of device, processor and instruction set, for people; not of a complete job.
  std::string device_text() const;

  /// [collective] What this rank's worker needs; its sources are opened here. Nothing on a rank
  /// without a device. Throws InputError on all ranks.
  std::optional<mpi_runtime::WorkerConfig> worker_config();
  /// What is stored of active stream `id`, whose input has `rows`.
  dataset::OutputSpec result(std::size_t id, std::int64_t rows) const;

 private:
  void find_active_streams();
  void share_models();
  std::shared_ptr<const model::Model> share_model(std::size_t id);
  void form_fleet();
  void check_fleet(const std::string& versions) const;
  void check_row_sizes() const;
  std::vector<mpi_runtime::StreamSource> open_sources();
  void compare_inputs(const std::vector<mpi_runtime::StreamSource>& sources);

  mpi_runtime::Collectives& collectives_;
  const bool root_;
  const JobSpec job_;
  std::string isa_;
  std::optional<ScoreSetup> setup_;  // rank 0
  std::vector<std::size_t> active_;
  std::vector<std::shared_ptr<const model::Model>> models_;  // by StreamId
  std::vector<mpi_runtime::StreamOutputs> outputs_;          // by StreamId
  Fleet fleet_;
};

}  // namespace widepipe::jobs
