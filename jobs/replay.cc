#include "jobs/replay.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "core/console.h"
#include "core/cpu.h"
#include "core/error.h"
#include "jobs/exit_codes.h"
#include "jobs/learn_on.h"
#include "jobs/replay_job.h"
#include "jobs/replay_ledger.h"
#include "jobs/replay_plan.h"
#include "jobs/replay_source.h"
#include "jobs/replay_text.h"
#include "jobs/replay_timeline.h"
#include "jobs/report_file.h"
#include "jobs/run_logs.h"
#include "jobs/seconds_since.h"
#include "jobs/simulated_policies.h"
#include "jobs/stop_signal.h"
#include "mpi_runtime/agreement.h"
#include "mpi_runtime/bytes_to_root.h"
#include "mpi_runtime/fleet.h"
#include "mpi_runtime/grouped_collectives.h"
#include "mpi_runtime/model_executor.h"
#include "mpi_runtime/serve_follower.h"
#include "mpi_runtime/serve_leader.h"
#include "report/run_report.h"
#include "rl/emulated_rank.h"

namespace widepipe::jobs {
namespace {

constexpr double kMilli = 1e-3;
/// What a rank takes from here on, models and their batches aside: slots of rounds, connections.
constexpr std::uint64_t kRankMemory = std::uint64_t{3} << 20;

class Replay {
 public:
  Replay(const ReplayCommand& command, mpi_runtime::Collectives& collectives)
      : command_(command),
        collectives_(collectives),
        root_(collectives.rank() == 0),
        clock_(command.time_scale) {}

  int run();

 private:
  bool prepare();
  void make_real_device();
  void make_emulated_devices();
  mpi_runtime::ServeSettings serve_settings(mpi_runtime::Watchdog& watchdog) const;
  int devices_a_slot() const;
  mpi_runtime::WatchdogSettings watchdog_settings() const;
  void lead(mpi_runtime::Collectives& rounds, mpi_runtime::Watchdog& watchdog);
  void add_up_devices();
  std::unique_ptr<AnswerRule> answer_rule() const;
  TimelineNames timeline_names() const;
  int tell();
  int code_of_outputs() const;
  ReplayResults* results() const { return job_ ? job_->results() : nullptr; }

  const ReplayCommand& command_;
  mpi_runtime::Collectives& collectives_;
  const bool root_;
  const StopSignal signal_;
  ReplayPlan plan_;
  std::vector<std::string> rank_names_;  ///< rank@host
  int crowd_ = 1;  ///< ranks that share a core here, in units of a number that does no harm
  schedule::PolicyMaker policy_;
  std::optional<LearnOn> learn_;
  std::unique_ptr<BatchLogFile> log_;
  std::unique_ptr<schedule::Timeline> timeline_;          ///< of this rank; null if nobody asks
  std::unique_ptr<ReplayTimeline> decisions_;             ///< of rank 0, likewise
  std::unique_ptr<ReplayJob> job_;                        ///< of real models, or null
  std::shared_ptr<const mpi_runtime::Blocks> timelines_;  ///< on rank 0, of all ranks
  mpi_runtime::Wakeup wakeup_;
  mpi_runtime::ServeClock clock_;
  std::unique_ptr<schedule::OrderExecutor> devices_;  ///< null on a rank without any; one of:
  rl::EmulatedRank* emulated_ = nullptr;
  mpi_runtime::ModelExecutor* real_ = nullptr;
  rl::Measures measures_;
  Replayed replayed_;
};

/// [collective] Finds bad input, and what the policy has to know in advance. False if there is
/// nothing to do.
bool Replay::prepare() {
  const auto places = exchange_places(collectives_, "", "");
  mpi_runtime::agree(collectives_, [&] {
    const std::string shortage = mpi_runtime::memory_shortage(places, kRankMemory);
    if (!shortage.empty()) throw_input_error("{}", shortage);
  });
  std::optional<RealModels> real;
  if (!command_.job_file.empty()) {
    job_ = std::make_unique<ReplayJob>(command_, collectives_);
    if (command_.write && job_->complete()) return false;
    real = job_->models();
  }
  mpi_runtime::agree(collectives_, [&] {
    if (root_) {
      std::vector<std::string> files = {command_.workload, command_.fleet, command_.profile,
                                        simulated_policy(command_.policy).base};
      if (job_) {
        for (std::string& file : job_->files()) files.push_back(std::move(file));
      }
      check_report_file(command_.log, files, "--log");
      files.push_back(command_.log);
      check_report_file(command_.learn, files, "--learn");
      files.push_back(command_.learn);
      check_report_file(command_.report, files);
      files.push_back(command_.report);
      check_report_file(command_.timeline, files, "--timeline");
    }
    plan_ = make_replay_plan(command_, collectives_.size(), real ? &*real : nullptr);
  });
  if (job_) job_->open_inputs();
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) return;
    if (job_) job_->find_rows(plan_);
    const SimulatedPolicy policy = simulated_policy(command_.policy);
    PolicyTuner tuner(plan_.profile, command_.evaluations);
    if (!command_.learn.empty()) {
      policy_ = learn_.emplace(policy, command_.learn).maker();
    } else if (!command_.set.empty()) {
      policy_ = maker_with(policy, command_.set);
    } else {
      policy_ = tuner.maker(policy, plan_.workload, plan_.fleet_spec, "", plan_.settings);
    }
    if (!command_.log.empty()) {
      log_ = std::make_unique<BatchLogFile>(command_.log, plan_.streams);
    }
  });
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    rank_names_.push_back(fmt::format("{}@{}", rank, places[rank].host));
  }
  // Each rank that looks for news takes the core from the others.
  constexpr int kFewRanksACore = 8;
  const auto mine = static_cast<std::size_t>(collectives_.rank());
  crowd_ = std::max(mpi_runtime::share_cores(places)[mine].ranks_on_these_cpus /
                        (kFewRanksACore * places[mine].budget.usable()),
                    1);
  if (!command_.timeline.empty()) {
    // Half of it is rank 0's own record.
    timeline_ = std::make_unique<schedule::Timeline>(kMostTimelineEvents / 2 / places.size());
  }
  if (job_) {
    job_->open_outputs(rank_names_);
    make_real_device();
  } else {
    make_emulated_devices();
  }
  return true;
}

void Replay::make_real_device() {
  std::optional<mpi_runtime::ModelExecutorConfig> config = job_->executor(plan_);
  if (!config) return;
  config->name = rank_names_[static_cast<std::size_t>(collectives_.rank())];
  config->timeline = timeline_.get();
  auto executor = std::make_unique<mpi_runtime::ModelExecutor>(std::move(*config), wakeup_, clock_);
  real_ = executor.get();
  devices_ = std::move(executor);
}

void Replay::make_emulated_devices() {
  const auto mine = [&](int rank) { return rank == collectives_.rank(); };
  const auto first = std::find_if(plan_.rank_of_device.begin(), plan_.rank_of_device.end(), mine);
  const auto count = std::count_if(first, plan_.rank_of_device.end(), mine);
  if (count == 0) return;
  auto executor = std::make_unique<rl::EmulatedRank>(
      plan_.profile, plan_.fleet, plan_.cluster, networks_of(plan_.streams, plan_.cluster),
      static_cast<schedule::DeviceId>(first - plan_.rank_of_device.begin()),
      static_cast<std::size_t>(count),
      seed_for(plan_.settings.seed, rl::Purpose::kJitter) +
          static_cast<std::uint64_t>(collectives_.rank()));
  executor->record(timeline_.get());
  emulated_ = executor.get();
  devices_ = std::move(executor);
}

/// That have orders in one slot: a real one has an instance a core at work.
int Replay::devices_a_slot() const {
  if (!job_) return command_.devices_per_rank;
  int most = 1;
  for (const schedule::ServingDevice& device : plan_.cluster.devices) {
    most = std::max(most, device.cores);
  }
  return most;
}

mpi_runtime::WatchdogSettings Replay::watchdog_settings() const {
  return {.limit = std::chrono::milliseconds(std::llround(command_.watchdog_seconds / kMilli)),
          .rank = collectives_.rank(),
          .names = rank_names_,
          .advice = command_.write ? mpi_runtime::kGoOn : "no results are written: start it again"};
}

mpi_runtime::ServeSettings Replay::serve_settings(mpi_runtime::Watchdog& watchdog) const {
  return {
      .slot_bytes = mpi_runtime::serve_slot_bytes(plan_.profile.device.max_batch, devices_a_slot()),
      .most_payload = payload_limit(collectives_.size()),
      .round_period = std::chrono::microseconds(std::llround(command_.round_period_ms / kMilli)),
      .longest_pause = mpi_runtime::kLongestPause * crowd_,
      .crowded = crowd_ > 1,
      .watchdog = &watchdog,
      .timeline = timeline_.get()};
}

std::unique_ptr<AnswerRule> Replay::answer_rule() const {
  if (job_) return std::make_unique<SameAnswers>(*job_->rows());
  return std::make_unique<EmulatedAnswers>();
}

/// [collective, rank 0]
void Replay::lead(mpi_runtime::Collectives& rounds, mpi_runtime::Watchdog& watchdog) {
  rl::BatchLog to_log;
  if (log_) to_log = [this](const schedule::ClosedBatch& batch) { log_->add(batch); };
  rl::RequestCounter counter(plan_.cluster, measures_, to_log);
  const std::unique_ptr<AnswerRule> rule = answer_rule();
  ReplayLedger ledger(counter, *rule);
  schedule::RequestEvents* events = &ledger;
  if (timeline_) {
    decisions_ = std::make_unique<ReplayTimeline>(ledger, kMostTimelineEvents / 2);
    events = decisions_.get();
  }
  rl::SimulationSettings settings = plan_.settings;
  settings.scheduler.order_ahead = true;
  const auto dispatcher = make_dispatcher(
      plan_.cluster, settings, [this] { return told_of_fallbacks(policy_()); }, *events);
  ReplaySource source(plan_, *dispatcher, ledger, measures_, job_ ? job_->rows() : nullptr);
  const auto model_of = [&](const mpi_runtime::BatchNews& news) {
    const auto instances = dispatcher->device(news.device).instances();
    const auto found = std::find_if(instances.begin(), instances.end(),
                                    [&](const auto& one) { return one.id == news.instance; });
    return found == instances.end() ? std::numeric_limits<schedule::ModelId>::max()
                                    : found->spec.model;
  };
  const auto done = [&](const mpi_runtime::BatchNews& news,
                        std::span<const schedule::Request> requests) {
    using End = ReplayTimeline::End;
    const bool good = !news.failed && ledger.check(model_of(news), requests, news.answers);
    if (decisions_) {
      End end = good ? End::kAnswered : End::kWrong;
      if (requests.empty()) end = End::kLate;
      if (news.failed) end = End::kFailed;
      decisions_->ended(news.batch, clock_.now(), end);
    }
    return good;
  };
  replayed_.devices.resize(plan_.rank_of_device.size());
  const auto status = [&](const schedule::DeviceStatus& one) {
    replayed_.devices[one.device].add(one);
    if (decisions_) decisions_->status(one);
  };
  mpi_runtime::ServeHooks hooks{
      .arrive = [&](schedule::Seconds now) { return source.hand_in(now); },
      .over = [&](schedule::Seconds now) { return source.over(now); },
      .stop_requested =
          [this] { return signal_.received() || (results() != nullptr && results()->failed()); },
      .done = done,
      .row_of = nullptr,
      .has_room = nullptr,
      .results = nullptr,
      .status = status};
  if (job_) {
    hooks.row_of = [rows = job_->rows()](schedule::RequestId id) {
      return static_cast<std::uint64_t>(rows->row_of(id));
    };
  }
  if (ReplayResults* to = results()) {
    hooks.has_room = [to] { return to->has_room(); };
    hooks.results = [to](const mpi_runtime::BatchResults& batch) { to->take(batch); };
  }
  mpi_runtime::ServeLeader leader(rounds, *dispatcher, plan_.rank_of_device, devices_.get(), clock_,
                                  serve_settings(watchdog), std::move(hooks));
  replayed_.rounds = leader.run(wakeup_);
  const schedule::Seconds ended = replayed_.rounds.ended;
  counter.end();
  dispatcher->drop_all(ended);
  measures_.duration = plan_.settings.duration;
  take_counts(dispatcher->counts(), measures_);
  replayed_.batches = dispatcher->counts().batches;
  replayed_.wrong = ledger.wrong();
  replayed_.refused = ledger.refused();
  replayed_.doubled = ledger.doubled();
  replayed_.open = ledger.open();
  replayed_.mean_lateness = source.mean_lateness();
  replayed_.longest_lateness = source.longest_lateness();
}

/// [collective] What the devices of all ranks did, and what the ranks took.
void Replay::add_up_devices() {
  rl::EmulatedFleet::Use use;
  if (emulated_ != nullptr) use = emulated_->use();
  if (real_ != nullptr) use.core_seconds = real_->core_seconds();
  const std::string mine =
      fmt::format("{} {} {}", use.core_seconds, use.bandwidth_seconds, peak_process_bytes());
  for (const std::string& text : collectives_.all_texts(mine)) {
    std::istringstream numbers(text);
    double cores = 0;
    double bandwidth = 0;
    double memory = 0;
    numbers >> cores >> bandwidth >> memory;
    measures_.busy_core_seconds += cores;
    measures_.bandwidth_seconds += bandwidth;
    replayed_.most_memory = std::max(replayed_.most_memory, memory);
    replayed_.mean_memory += memory / collectives_.size();
  }
  const schedule::Seconds ended = replayed_.rounds.ended;
  for (const npu_model::FleetDevice& device : plan_.fleet.devices) {
    measures_.core_seconds += device.cores * ended;
  }
  measures_.device_seconds = static_cast<double>(plan_.fleet.devices.size()) * ended;
}

TimelineNames Replay::timeline_names() const {
  TimelineNames names{
      .ranks = rank_names_, .rank_of_device = plan_.rank_of_device, .streams = {}, .models = {}};
  for (const rl::WorkloadStream& stream : plan_.streams) names.streams.push_back(stream.name);
  for (const schedule::ServedModel& model : plan_.cluster.models)
    names.models.push_back(model.name);
  return names;
}

int Replay::run() {
  const auto start = std::chrono::steady_clock::now();
  if (!prepare()) {
    if (root_) say(stdout, fmt::format("{} is complete: nothing to do\n", command_.job_file));
    return kDone;
  }
  // One rank has nobody to exchange slots with.
  std::unique_ptr<mpi_runtime::Collectives> grouped;
  if (command_.group_size > 1 && collectives_.size() > 1) {
    grouped = make_grouped_collectives(collectives_, command_.group_size);
  }
  mpi_runtime::Collectives& rounds = grouped ? *grouped : collectives_;
  {
    mpi_runtime::Watchdog watchdog(watchdog_settings());
    if (root_) {
      lead(rounds, watchdog);
    } else {
      mpi_runtime::ServeFollower(rounds, devices_.get(), clock_, serve_settings(watchdog), [this] {
        return signal_.received();
      }).run(wakeup_);
    }
  }
  const auto served = replayed_.rounds.started;
  replayed_.start_seconds = std::chrono::duration<double>(served - start).count();
  replayed_.wall_seconds = seconds_since(served);
  add_up_devices();
  if (timeline_) timelines_ = bytes_to_root(collectives_, packed(*timeline_));
  int code = kDone;
  mpi_runtime::agree(collectives_, [&] {
    if (root_) code = tell();
  });
  return code;
}

int Replay::tell() {
  if (ReplayResults* written = results()) {
    if (replayed_.wrong > 0) written->take_back();
    written->finish();
    replayed_.outputs = written->streams();
  }
  if (log_) log_->finish();
  if (timelines_) {
    write_timeline(command_.timeline, *timelines_, *decisions_, timeline_names(),
                   replayed_.rounds.ended);
  }
  replayed_.ranks = collectives_.size();
  replayed_.time_scale = command_.time_scale;
  replayed_.group_size = command_.group_size;
  replayed_.rank_of_device = plan_.rank_of_device;
  replayed_.rank_names = rank_names_;
  double rate = plan_.settings.rate;
  if (plan_.workload.bulk) {
    rate = measures_.throughput();
    plan_.bound =
        job_ ? bound_of_rows(plan_)
             : bulk_bound_of(plan_.profile, plan_.workload, plan_.fleet_spec, plan_.settings);
  }
  replayed_.as_simulated = {.workload = plan_.workload,
                            .fleet = plan_.fleet_spec.name,
                            .device = job_ ? "cpu device" : "emulated NPU",
                            .policy = command_.policy,
                            .devices = plan_.settings.devices,
                            .seconds = plan_.settings.duration,
                            .live = true,
                            .wall_seconds = replayed_.wall_seconds,
                            .runs = {{.seed = command_.seed,
                                      .rate = rate,
                                      .bound = plan_.bound,
                                      .measures = std::move(measures_)}}};
  say(stdout, replayed_text(replayed_));
  if (!command_.report.empty()) report::write_report(replayed_json(replayed_), command_.report);
  if (learn_) learn_->write();
  if (replayed_.wrong > 0 || replayed_.doubled > 0) {
    throw_run_error("{} answers are not those of their requests, and {} requests ended twice",
                    replayed_.wrong, replayed_.doubled);
  }
  const int code = code_of_outputs();
  const bool all_there = plan_.workload.bulk && results() != nullptr && code != kStopped;
  if (replayed_.rounds.stopped && !all_there) {
    say(stderr, "stopped: what had not been answered stays so\n");
    return kStopped;
  }
  return code;
}

/// Of a data set all rows are expected, of other requests those that were answered.
int Replay::code_of_outputs() const {
  int code = kDone;
  for (std::size_t id = 0; id < replayed_.outputs.size(); ++id) {
    const ReplayResults::Stream& stream = replayed_.outputs[id];
    const bool asked =
        std::find(plan_.job_stream.begin(), plan_.job_stream.end(), id) != plan_.job_stream.end();
    if (!asked) continue;
    if (plan_.workload.bulk && !stream.complete) return kStopped;
    if (stream.failed > 0) code = kFailedRows;
  }
  return code;
}

}  // namespace

int run_replay(const ReplayCommand& command, mpi_runtime::Collectives& collectives) {
  return Replay(command, collectives).run();
}

}  // namespace widepipe::jobs
