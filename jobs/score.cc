#include "jobs/score.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "core/console.h"
#include "core/error.h"
#include "core/units.h"
#include "dataset/journal.h"
#include "jobs/input_binding.h"
#include "jobs/model_file.h"
#include "jobs/score_lead.h"
#include "jobs/score_setup.h"
#include "jobs/score_text.h"
#include "jobs/stop_signal.h"
#include "kernels/isa.h"
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

/// One run of the job, the same steps on every rank.
class ScoreRun {
 public:
  ScoreRun(const ScoreOptions& options, mpi_runtime::Collectives& collectives)
      : options_(options), collectives_(collectives), root_(collectives.rank() == 0) {}

  int run();

 private:
  bool already_complete();
  int report_complete() const;
  void share_model();
  void form_fleet();
  void check_row_size() const;
  void start_worker();
  void compare_inputs(const mpi_runtime::StreamSource& source);
  void say(const std::string& text) const {
    if (root_ && !options_.quiet) widepipe::say(stdout, text);
  }

  const ScoreOptions& options_;
  mpi_runtime::Collectives& collectives_;
  const bool root_;
  std::string isa_;
  const Clock::time_point start_ = Clock::now();
  const StopSignal signal_;

  std::optional<ScoreSetup> setup_;  // rank 0
  std::shared_ptr<const model::Model> model_;
  std::vector<std::byte> model_bytes_;  // other ranks
  Fleet fleet_;
  mpi_runtime::Wakeup wakeup_;
  std::optional<mpi_runtime::Worker> worker_;  // ranks with a device
};

int ScoreRun::run() {
  mpi_runtime::agree(collectives_, [this] {
    if (!options_.isa.empty()) kernels::pin_isa(options_.isa);
    isa_ = kernels::effective_isa();
    if (root_) setup_.emplace(options_, isa_);
  });
  if (already_complete()) return root_ ? report_complete() : kDone;
  share_model();
  form_fleet();
  start_worker();
  std::optional<ScoreLead> lead;
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) return;
    setup_->create_files();
    lead.emplace(LeadContext{.options = options_,
                             .collectives = collectives_,
                             .setup = *setup_,
                             .fleet = fleet_,
                             .worker = worker_ ? &*worker_ : nullptr,
                             .wakeup = wakeup_,
                             .signal = signal_,
                             .isa = isa_});
  });
  if (lead) {
    say(start_text(*setup_, fleet_));
    return lead->run(seconds_since(start_));
  }
  mpi_runtime::follow(collectives_, *worker_, wakeup_, mpi_runtime::kLongestPause,
                      [this] { return signal_.received(); });
  return kDone;
}

bool ScoreRun::already_complete() {
  std::vector<std::byte> flag(1);
  mpi_runtime::agree(collectives_, [&] {
    if (!root_ || setup_->decision().kind != dataset::ResumeKind::kAlreadyComplete) return;
    flag[0] = std::byte{1};
    if (!setup_->decision().finished) {  // killed between the last row and the last record
      dataset::Journal journal(dataset::journal_path(setup_->spec().target.file));
      const std::vector<dataset::JournalRecord> done = {dataset::DoneRecord{}};
      journal.append(done);
    }
  });
  collectives_.broadcast(flag);
  return flag[0] == std::byte{1};
}

int ScoreRun::report_complete() const {
  const auto& failed = setup_->decision().failed;
  say(
      fmt::format("{} is complete: all {} rows were scored before; nothing to do (--restart "
                  "begins anew)\n",
                  dataset::to_string(setup_->spec().target), grouped(setup_->rows())));
  say(failures_text(failed, setup_->spec()));
  const report::RunReport report = complete_report(*setup_, options_, isa_, collectives_.size());
  if (!options_.report_file.empty()) report::write_json(report, options_.report_file);
  return report.exit_code;
}

void ScoreRun::share_model() {
  if (root_) {
    model_ = setup_->shared_model();
    model_bytes_ = setup_->take_model_bytes();
  }
  collectives_.broadcast(model_bytes_);
  mpi_runtime::agree(collectives_, [this] {
    if (!root_) model_ = model::Model::from_bytes(model_bytes_, file_name(options_.model));
  });
  model_bytes_ = {};
}

void ScoreRun::form_fleet() {
  fleet_.places = mpi_runtime::exchange_places(collectives_, isa_, versions());
  fleet_.shares = mpi_runtime::share_cores(fleet_.places);
  fleet_.device_kind = options_.device;
  fleet_.dedicated_scheduler =
      options_.dedicated_scheduler || collectives_.size() > kMostRanksWithSharedScheduler;
  mpi_runtime::agree(collectives_, [this] {
    if (!root_) return;
    if (fleet_.dedicated_scheduler && collectives_.size() == 1) {
      throw_input_error("--dedicated-scheduler needs at least 2 ranks, found 1");
    }
    check_row_size();
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
      if (place.versions != versions() && !options_.allow_mixed) {
        throw_input_error("rank {}@{} runs {}, rank 0@{} {}: use the same on all", rank, place.host,
                          place.versions, fleet_.places[0].host, versions());
      }
    }
  });
  for (const mpi_runtime::RankShare& share : fleet_.shares) {
    const int cores = options_.cores > 0 ? options_.cores : 1;
    const int instances = options_.instances > 0 ? options_.instances : share.cores / cores;
    fleet_.devices.push_back({.instances = std::max(instances, 1), .cores_per_instance = cores});
  }
}

void ScoreRun::check_row_size() const {
  const auto check = [this](const char* what, const std::vector<model::Port>& ports) {
    std::size_t bytes = 0;
    for (const model::Port& port : ports) bytes += port.bytes_per_row;
    if (bytes > payload_limit(collectives_.size())) {
      throw_input_error(
          "{}: a row of {} takes {} and a round carries at most {} for each of {} "
          "ranks: use fewer ranks",
          model_->label(), what, bytes_text(static_cast<double>(bytes)),
          bytes_text(static_cast<double>(payload_limit(collectives_.size()))), collectives_.size());
    }
  };
  check("outputs", model_->outputs());
  if (options_.scatter_rows) check("inputs", model_->inputs());
}

void ScoreRun::start_worker() {
  const bool owns_device = !(root_ && fleet_.dedicated_scheduler);
  mpi_runtime::StreamSource source;
  mpi_runtime::agree(collectives_, [&] {
    if (root_) {
      source = setup_->source();
    } else if (!options_.scatter_rows) {
      source = open_inputs(*model_, match_inputs(*model_, options_.inputs), options_.window);
    }
  });
  if (!options_.scatter_rows) compare_inputs(source);
  mpi_runtime::agree(collectives_, [&] {
    if (!owns_device) return;
    mpi_runtime::WorkerConfig config{
        .device_kind = options_.device,
        .device = fleet_.devices[static_cast<std::size_t>(collectives_.rank())],
        .models = {model_},
        .sources = {},
        .max_payload_bytes = payload_limit(collectives_.size())};
    if (!options_.scatter_rows) config.sources = {source};
    worker_.emplace(config, wakeup_);
  });
}

/// A stale copy on a node's own disk, or another working directory, must not slip in.
void ScoreRun::compare_inputs(const mpi_runtime::StreamSource& source) {
  if (collectives_.size() == 1) return;
  std::string mine;
  mpi_runtime::agree(collectives_, [&] {
    for (const mpi_runtime::PortSource& port : source) mine += port.dataset->identity().content;
  });
  const std::string first = collectives_.all_texts(mine).front();
  mpi_runtime::agree(collectives_, [&] {
    if (mine == first) return;
    throw_input_error("input is not the one that rank 0 reads: expected {}, found {}", first, mine);
  });
}

}  // namespace

int run_score(const ScoreOptions& options, mpi_runtime::Collectives& collectives) {
  return ScoreRun(options, collectives).run();
}

}  // namespace widepipe::jobs
