#include "jobs/ready_job.h"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/units.h"
#include "dataset/journal.h"
#include "dataset/shard_files.h"
#include "device/device_list.h"
#include "jobs/input_binding.h"
#include "jobs/job_file.h"
#include "jobs/output_binding.h"
#include "jobs/stream_error.h"
#include "kernels/isa.h"
#include "model/bundle.h"
#include "mpi_runtime/agreement.h"
#include "mpi_runtime/leader.h"

namespace widepipe::jobs {
namespace {

/// [collective] The job on every rank. Only rank 0 reads the job file: others may not have it.
JobSpec share_job(const ScoreCommand& command, mpi_runtime::Collectives& collectives) {
  std::vector<std::byte> bytes;
  mpi_runtime::agree(collectives, [&] {
    if (command.job_file.empty() || collectives.rank() != 0) return;
    const std::string text = read_job_file(command.job_file);
    const auto* begin = reinterpret_cast<const std::byte*>(text.data());
    bytes.assign(begin, begin + text.size());
  });
  collectives.broadcast(bytes);
  JobSpec job;
  mpi_runtime::agree(collectives, [&] {
    job = command.job_file.empty()
              ? short_job(command)
              : parse_job({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                          command.job_file);
  });
  for (const Override& change : command.overrides) change(job.settings);
  if (const auto& shard = job.settings.shard) {
    for (StreamSpec& stream : job.streams) {
      stream.rows.shard = shard;
      stream.output.file = dataset::shard_file(stream.output.file, *shard);
    }
    std::string& report = job.settings.report_file;
    if (!report.empty()) report = dataset::shard_file(report, *shard);
  }
  return job;
}

}  // namespace

std::size_t payload_limit(int ranks) {
  return mpi_runtime::kMaxPayloadBytes / static_cast<std::size_t>(ranks);
}

ReadyJob::ReadyJob(const ScoreCommand& command, mpi_runtime::Collectives& collectives,
                   mpi_runtime::Heartbeat* heartbeat)
    : collectives_(collectives),
      root_(collectives.rank() == 0),
      job_(share_job(command, collectives)) {
  const JobSettings& options = settings();
  if (heartbeat != nullptr) heartbeat->start(watchdog_time(options));
  mpi_runtime::agree(collectives_, [&] {
    // Weights are packed by as many threads as may be; the ranks of a host share its cores.
    if (collectives_.size() > 1) omp_set_num_threads(1);
    if (!options.isa.empty() && options.precision == "auto" && options.device != "cpu") {
      throw_input_error(
          "--isa {} does not hold for device {} at --precision auto, which is that of each "
          "processor: leave one of them out",
          options.isa, options.device);
    }
    if (!options.isa.empty()) kernels::pin_isa(options.isa);
    isa_ = kernels::effective_isa();
    if (root_) setup_.emplace(job_, isa_);
  });
  find_active_streams();
  if (complete()) return;
  share_models();
  form_fleet();
}

std::string ReadyJob::rank_name(std::size_t rank) const {
  return fmt::format("{}@{}", rank, fleet_.places[rank].host);
}

std::string ReadyJob::device_text() const {
  return fmt::format("{}, {} ({})", fleet_.device_kind, cpu_model_name(), isa_);
}

/// Leaves out the streams that earlier runs completed.
void ReadyJob::find_active_streams() {
  std::vector<std::byte> active(job_.streams.size());
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) return;
    for (std::size_t i = 0; i < active.size(); ++i) {
      const StreamSetup& stream = setup_->stream(i);
      active[i] = stream.complete() ? std::byte{0} : std::byte{1};
      if (!stream.complete() || stream.decision().finished || settings().dry_run) continue;
      // Killed between the last row and the last record.
      dataset::Journal journal(dataset::journal_path(stream.output_file()));
      const std::vector<dataset::JournalRecord> done = {dataset::DoneRecord{}};
      journal.append(done);
    }
  });
  collectives_.broadcast(active);
  for (std::size_t i = 0; i < active.size(); ++i) {
    if (active[i] == std::byte{1}) active_.push_back(i);
  }
}

/// Rank 0 alone reads model files; streams that share a model there share it everywhere.
void ReadyJob::share_models() {
  std::vector<std::byte> shared_with(active_.size() * sizeof(std::size_t));
  for (std::size_t id = 0; root_ && id < active_.size(); ++id) {
    std::size_t first = 0;
    while (setup_->stream(active_[first]).shared_model() !=
           setup_->stream(active_[id]).shared_model()) {
      ++first;
    }
    std::memcpy(shared_with.data() + id * sizeof(first), &first, sizeof(first));
  }
  collectives_.broadcast(shared_with);
  for (std::size_t id = 0; id < active_.size(); ++id) {
    std::size_t first = 0;
    std::memcpy(&first, shared_with.data() + id * sizeof(first), sizeof(first));
    if (first == id) {
      models_.push_back(share_model(id));
    } else {
      models_.push_back(models_[first]);
    }
    mpi_runtime::agree(collectives_, [&] {
      for_stream(job_, stream(id),
                 [&] { outputs_.push_back(stream_outputs(*models_[id], stream(id))); });
    });
  }
  if (root_) setup_->models().clear();
}

/// [collective] The model of a stream, made on the other ranks as rank 0 made it.
std::shared_ptr<const model::Model> ReadyJob::share_model(std::size_t id) {
  std::shared_ptr<const model::Model> model;
  std::vector<std::byte> bytes;
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) return;
    model = setup_->stream(active_[id]).shared_model();
    if (collectives_.size() > 1) bytes = setup_->models().packed(model);
  });
  collectives_.broadcast(bytes);
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) model = device::import_model(settings().device, model::unpack(bytes));
  });
  return model;
}

void ReadyJob::form_fleet() {
  const JobSettings& options = settings();
  const std::string versions = versions_with(options.device);
  fleet_.places = mpi_runtime::exchange_places(collectives_, isa_, versions);
  fleet_.shares = mpi_runtime::share_cores(fleet_.places);
  fleet_.left_out.resize(fleet_.places.size());
  fleet_.device_kind = options.device;
  fleet_.dedicated_scheduler =
      options.dedicated_scheduler || collectives_.size() > kMostRanksWithSharedScheduler;
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) return;
    check_fleet(versions);
    check_row_sizes();
  });
  for (const mpi_runtime::RankShare& share : fleet_.shares) {
    const int cores = options.cores > 0 ? options.cores : 1;
    const int instances = options.instances > 0 ? options.instances : share.cores / cores;
    fleet_.devices.push_back({.instances = std::max(instances, 1),
                              .cores_per_instance = cores,
                              .micro_batch = 0,
                              .part = {},
                              .precision = options.precision});
  }
}

void ReadyJob::check_fleet(const std::string& versions) const {
  const JobSettings& options = settings();
  if (fleet_.dedicated_scheduler && collectives_.size() == 1) {
    throw_input_error("--dedicated-scheduler needs at least 2 ranks, found 1");
  }
  for (std::size_t rank = 0; rank < fleet_.places.size(); ++rank) {
    const mpi_runtime::RankPlace& place = fleet_.places[rank];
    if (options.cores > place.budget.cores) {
      throw_input_error(
          "--cores {}: rank {} may use {} (give each rank more: mpirun --bind-to none, srun "
          "--cpus-per-task)",
          options.cores, rank_name(rank), place.budget.cores);
    }
    if (place.isa != isa_ && !options.allow_mixed) {
      throw_input_error(
          "rank {} has instruction set {}, rank {} has {}: rows would differ in their last bits; "
          "pin one with --isa avx2, or say --allow-mixed",
          rank_name(rank), place.isa, rank_name(0), isa_);
    }
    if (place.versions != versions && !options.allow_mixed) {
      throw_input_error("rank {} runs {}, rank {} {}: use the same on all", rank_name(rank),
                        place.versions, rank_name(0), versions);
    }
  }
}

void ReadyJob::check_row_sizes() const {
  const std::size_t limit = payload_limit(collectives_.size());
  const auto check = [&](const model::Model& model, const char* what, std::size_t bytes,
                         const char* way_out) {
    if (bytes <= limit) return;
    throw_input_error(
        "{}: a row of {} takes {} and a round carries at most {} for each of {} ranks: use fewer "
        "ranks, or {}",
        model.label(), what, bytes_text(static_cast<double>(bytes)),
        bytes_text(static_cast<double>(limit)), collectives_.size(), way_out);
  };
  for (std::size_t id = 0; id < models_.size(); ++id) {
    const model::Model& model = *models_[id];
    const std::vector<std::size_t> columns = mpi_runtime::column_bytes(model, outputs_[id]);
    if (!settings().write_via_ranks) {
      check(model, "outputs", std::accumulate(columns.begin(), columns.end(), std::size_t{0}),
            "--write-via ranks");
    }
    if (settings().scatter_rows) {
      check(model, "inputs", model::bytes_per_row(model.inputs()), "--rows-via ranks");
    }
  }
}

/// What this rank reads rows from, by StreamId; empty if rank 0 reads for it.
std::vector<mpi_runtime::StreamSource> ReadyJob::open_sources() {
  std::vector<mpi_runtime::StreamSource> sources;
  if (settings().scatter_rows) return sources;
  mpi_runtime::agree(collectives_, [&] {
    for (std::size_t id = 0; id < active_.size(); ++id) {
      for_stream(job_, stream(id), [&] {
        sources.push_back(root_ ? setup_->stream(active_[id]).source()
                                : open_source(*models_[id], stream(id)));
      });
    }
  });
  compare_inputs(sources);
  return sources;
}

std::optional<mpi_runtime::WorkerConfig> ReadyJob::worker_config() {
  mpi_runtime::WorkerConfig config{
      .device_kind = settings().device,
      .device = fleet_.devices[static_cast<std::size_t>(collectives_.rank())],
      .models = models_,
      .sources = open_sources(),
      .outputs = outputs_,
      .fail_nonfinite = {},
      .digests = settings().recheck_share > 0,
      .max_payload_bytes = payload_limit(collectives_.size())};
  for (std::size_t id = 0; id < active_.size(); ++id) {
    config.fail_nonfinite.push_back(stream(id).fail_nonfinite.value_or(settings().fail_nonfinite));
  }
  if (!root_ || !fleet_.dedicated_scheduler) return config;
  // Packed when its rows were tried, and of no further use here.
  for (const auto& model : models_) model->packed_weights()->clear();
  return std::nullopt;
}

dataset::OutputSpec ReadyJob::result(std::size_t id, std::int64_t rows) const {
  return result_spec(*models_[id], outputs_[id], stream(id), rows);
}

/// A stale copy on a node's own disk, or another working directory, must not slip in.
void ReadyJob::compare_inputs(const std::vector<mpi_runtime::StreamSource>& sources) {
  if (collectives_.size() == 1) return;
  for (std::size_t id = 0; id < sources.size(); ++id) {
    std::string mine;
    mpi_runtime::agree(collectives_, [&] {
      mine = root_ ? setup_->stream(active_[id]).input_content()
                   : content_of(input_identities(sources[id]));
    });
    const std::string first = collectives_.all_texts(mine).front();
    mpi_runtime::agree(collectives_, [&] {
      if (mine == first) return;
      throw_input_error("{}input is not the one that rank 0 reads: expected {}, found {}",
                        stream_prefix(job_, stream(id)), first, mine);
    });
  }
}

}  // namespace widepipe::jobs
