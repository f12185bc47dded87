#include "jobs/score.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <numeric>
#include <optional>
#include <utility>

#include "core/console.h"
#include "core/error.h"
#include "core/units.h"
#include "dataset/journal.h"
#include "dataset/output_file.h"
#include "dataset/shard_files.h"
#include "device/device_list.h"
#include "jobs/allocation.h"
#include "jobs/input_binding.h"
#include "jobs/job_file.h"
#include "jobs/output_binding.h"
#include "jobs/score_lead.h"
#include "jobs/score_setup.h"
#include "jobs/score_text.h"
#include "jobs/stop_signal.h"
#include "jobs/stream_error.h"
#include "kernels/isa.h"
#include "model/bundle.h"
#include "mpi_runtime/agreement.h"
#include "mpi_runtime/follower.h"
#include "report/run_report.h"

namespace widepipe::jobs {
namespace {

using Clock = std::chrono::steady_clock;

/// Above this many ranks scheduling is work enough for rank 0.
constexpr int kMostRanksWithSharedScheduler = 16;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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
        job_(share_job(command, collectives)),
        options_(job_.settings) {}

  int run();

 private:
  void find_active_streams();
  int tell_dry_run();
  int report_complete() const;
  void share_models();
  std::shared_ptr<const model::Model> share_model(std::size_t id);
  void form_fleet();
  void check_row_sizes() const;
  std::vector<mpi_runtime::StreamSource> open_sources();
  void start_worker();
  void open_outputs();
  std::optional<Clock::time_point> end() const;
  mpi_runtime::WatchdogSettings watchdog_settings() const;
  void compare_inputs(const std::vector<mpi_runtime::StreamSource>& sources);
  const StreamSpec& stream(std::size_t id) const { return job_.streams[active_[id]]; }
  void say(const std::string& text) const {
    if (root_ && !options_.quiet) widepipe::say(stdout, text);
  }

  mpi_runtime::Collectives& collectives_;
  const bool root_;
  const JobSpec job_;
  const JobSettings& options_;
  std::string isa_;
  const Clock::time_point start_ = Clock::now();
  const StopSignal signal_;

  std::optional<ScoreSetup> setup_;  // rank 0
  std::vector<std::size_t> active_;  // streams with rows to compute, by StreamId
  std::vector<std::shared_ptr<const model::Model>> models_;  // by StreamId
  std::vector<mpi_runtime::StreamOutputs> outputs_;          // by StreamId
  Fleet fleet_;
  mpi_runtime::Wakeup wakeup_;
  std::optional<mpi_runtime::Worker> worker_;  // ranks with a device
};

int ScoreRun::run() {
  // Weights are packed by as many threads as may be; the ranks of a host share its cores.
  if (collectives_.size() > 1) omp_set_num_threads(1);
  mpi_runtime::agree(collectives_, [this] {
    if (!options_.isa.empty() && options_.precision == "auto" && options_.device != "cpu") {
      throw_input_error(
          "--isa {} does not hold for device {} at --precision auto, which is that of each "
          "processor: leave one of them out",
          options_.isa, options_.device);
    }
    if (!options_.isa.empty()) kernels::pin_isa(options_.isa);
    isa_ = kernels::effective_isa();
    if (root_) setup_.emplace(job_, isa_);
  });
  find_active_streams();
  if (active_.empty()) return root_ ? report_complete() : kDone;
  share_models();
  form_fleet();
  start_worker();
  if (options_.dry_run) return tell_dry_run();
  mpi_runtime::agree(collectives_, [&] {
    if (root_) setup_->create_files();
  });
  if (options_.write_via_ranks) open_outputs();
  std::optional<ScoreLead> lead;
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) return;
    lead.emplace(LeadContext{.collectives = collectives_,
                             .setup = *setup_,
                             .active = active_,
                             .fleet = fleet_,
                             .worker = worker_ ? &*worker_ : nullptr,
                             .wakeup = wakeup_,
                             .signal = signal_,
                             .watchdog = watchdog_settings(),
                             .isa = isa_,
                             .end = end()});
  });
  if (lead) {
    say(start_text(*setup_, fleet_));
    return lead->run(seconds_since(start_));
  }
  mpi_runtime::Watchdog watchdog(watchdog_settings());
  mpi_runtime::follow(
      collectives_, *worker_, wakeup_, mpi_runtime::kLongestPause,
      [this] { return signal_.received(); }, &watchdog);
  return kDone;
}

mpi_runtime::WatchdogSettings ScoreRun::watchdog_settings() const {
  mpi_runtime::WatchdogSettings settings{
      .limit =
          std::chrono::milliseconds(static_cast<std::int64_t>(options_.watchdog_seconds * 1000)),
      .rank = collectives_.rank(),
      .names = {}};
  for (std::size_t rank = 0; rank < fleet_.places.size(); ++rank) {
    settings.names.push_back(fmt::format("{}@{}", rank, fleet_.places[rank].host));
  }
  return settings;
}

/// When the last batch must be back.
std::optional<Clock::time_point> ScoreRun::end() const {
  const double so_far = seconds_since(start_);
  std::optional<double> left = options_.seconds_left;
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
  if (root_) say(start_text(*setup_, fleet_) + dry_run_text(*setup_, active_, memory));
  return kDone;
}

/// Leaves out the streams that earlier runs completed.
void ScoreRun::find_active_streams() {
  std::vector<std::byte> active(job_.streams.size());
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) return;
    for (std::size_t i = 0; i < active.size(); ++i) {
      const StreamSetup& stream = setup_->stream(i);
      active[i] = stream.complete() ? std::byte{0} : std::byte{1};
      if (!stream.complete() || stream.decision().finished || options_.dry_run) continue;
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

int ScoreRun::report_complete() const {
  for (const auto& stream : setup_->streams()) {
    say(fmt::format(
        "{} is complete: {} of {} rows were scored before; {} (--restart begins anew)\n",
        dataset::to_string(stream->spec().target), grouped(stream->decision().done.count()),
        grouped(stream->rows()),
        options_.retry_failed ? "no failed rows to try again" : "nothing to do"));
    say(failures_text(stream_prefix(job_, stream->stream()), stream->decision().failed,
                      stream->spec()));
  }
  const report::RunReport report = complete_report(*setup_, isa_, collectives_.size());
  if (!options_.report_file.empty() && !options_.dry_run) {
    report::write_json(report, options_.report_file);
  }
  return report.exit_code;
}

/// Rank 0 alone reads model files; streams that share a model there share it everywhere.
void ScoreRun::share_models() {
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
std::shared_ptr<const model::Model> ScoreRun::share_model(std::size_t id) {
  std::shared_ptr<const model::Model> model;
  std::vector<std::byte> bytes;
  if (root_) {
    model = setup_->stream(active_[id]).shared_model();
    if (collectives_.size() > 1) bytes = setup_->models().packed(model);
  }
  collectives_.broadcast(bytes);
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) model = device::import_model(options_.device, model::unpack(bytes));
  });
  return model;
}

void ScoreRun::form_fleet() {
  const std::string versions = versions_with(options_.device);
  fleet_.places = mpi_runtime::exchange_places(collectives_, isa_, versions);
  fleet_.shares = mpi_runtime::share_cores(fleet_.places);
  fleet_.device_kind = options_.device;
  fleet_.dedicated_scheduler =
      options_.dedicated_scheduler || collectives_.size() > kMostRanksWithSharedScheduler;
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) return;
    if (fleet_.dedicated_scheduler && collectives_.size() == 1) {
      throw_input_error("--dedicated-scheduler needs at least 2 ranks, found 1");
    }
    check_row_sizes();
    for (std::size_t rank = 0; rank < fleet_.places.size(); ++rank) {
      const mpi_runtime::RankPlace& place = fleet_.places[rank];
      if (options_.cores > place.budget.cores) {
        throw_input_error(
            "--cores {}: rank {}@{} may use {} (give each rank more: mpirun --bind-to none, srun "
            "--cpus-per-task)",
            options_.cores, rank, place.host, place.budget.cores);
      }
      if (place.isa != isa_ && !options_.allow_mixed) {
        throw_input_error(
            "rank {}@{} has instruction set {}, rank 0@{} has {}: rows would differ in their "
            "last bits; pin one with --isa avx2, or say --allow-mixed",
            rank, place.host, place.isa, fleet_.places[0].host, isa_);
      }
      if (place.versions != versions && !options_.allow_mixed) {
        throw_input_error("rank {}@{} runs {}, rank 0@{} {}: use the same on all", rank, place.host,
                          place.versions, fleet_.places[0].host, versions);
      }
    }
  });
  for (const mpi_runtime::RankShare& share : fleet_.shares) {
    const int cores = options_.cores > 0 ? options_.cores : 1;
    const int instances = options_.instances > 0 ? options_.instances : share.cores / cores;
    fleet_.devices.push_back({.instances = std::max(instances, 1),
                              .cores_per_instance = cores,
                              .micro_batch = 0,
                              .part = {},
                              .precision = options_.precision});
  }
}

void ScoreRun::check_row_sizes() const {
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
    if (!options_.write_via_ranks) {
      check(model, "outputs", std::accumulate(columns.begin(), columns.end(), std::size_t{0}),
            "--write-via ranks");
    }
    if (options_.scatter_rows) {
      check(model, "inputs", model::bytes_per_row(model.inputs()), "--rows-via ranks");
    }
  }
}

/// What this rank reads rows from, by StreamId; empty if rank 0 reads for it.
std::vector<mpi_runtime::StreamSource> ScoreRun::open_sources() {
  std::vector<mpi_runtime::StreamSource> sources;
  if (options_.scatter_rows) return sources;
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

void ScoreRun::start_worker() {
  std::vector<mpi_runtime::StreamSource> sources = open_sources();
  std::vector<bool> fail_nonfinite;
  for (std::size_t id = 0; id < active_.size(); ++id) {
    fail_nonfinite.push_back(stream(id).fail_nonfinite.value_or(options_.fail_nonfinite));
  }
  mpi_runtime::agree(collectives_, [&] {
    if (root_ && fleet_.dedicated_scheduler) {
      // Packed when its rows were tried, and of no further use here.
      for (const auto& model : models_) model->packed_weights()->clear();
      return;
    }
    worker_.emplace(
        mpi_runtime::WorkerConfig{
            .device_kind = options_.device,
            .device = fleet_.devices[static_cast<std::size_t>(collectives_.rank())],
            .models = models_,
            .sources = std::move(sources),
            .outputs = outputs_,
            .fail_nonfinite = std::move(fail_nonfinite),
            .max_payload_bytes = payload_limit(collectives_.size())},
        wakeup_);
  });
}

/// Every rank with a device opens the files that rank 0 made: those, and not others of their names.
void ScoreRun::open_outputs() {
  mpi_runtime::RowWriter::Outputs outputs;
  try {
    for (std::size_t id = 0; id < active_.size(); ++id) {
      // Only a run holds the lock, and it names the process: no other file has this content.
      std::vector<std::byte> mark;
      mpi_runtime::agree(collectives_, [&] {
        if (root_) mark = file_bytes(dataset::lock_path(stream(id).output.file));
      });
      collectives_.broadcast(mark);
      std::int64_t rows = root_ ? setup_->stream(active_[id]).rows() : 0;
      std::vector<std::byte> bytes(sizeof(rows));
      std::memcpy(bytes.data(), &rows, sizeof(rows));
      collectives_.broadcast(bytes);
      std::memcpy(&rows, bytes.data(), sizeof(rows));
      mpi_runtime::agree(collectives_, [&] {
        if (!worker_) return;
        if (file_bytes(dataset::lock_path(stream(id).output.file)) != mark) {
          throw_input_error(
              "output '{}' is not the one that rank 0 made: --write-via ranks needs a file system "
              "that all ranks share",
              stream(id).output.file);
        }
        for_stream(job_, stream(id), [&] {
          outputs.push_back(std::make_unique<dataset::OutputFile>(
              result_spec(*models_[id], outputs_[id], stream(id), rows)));
        });
      });
    }
  } catch (const InputError&) {
    if (root_) setup_->remove_files();
    throw;
  }
  if (worker_) worker_->write_to(std::move(outputs));
}

/// A stale copy on a node's own disk, or another working directory, must not slip in.
void ScoreRun::compare_inputs(const std::vector<mpi_runtime::StreamSource>& sources) {
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

}  // namespace

int run_score(const ScoreCommand& command, mpi_runtime::Collectives& collectives) {
  return ScoreRun(command, collectives).run();
}

}  // namespace widepipe::jobs
