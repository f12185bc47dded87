#include "jobs/replay.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "core/console.h"
#include "core/cpu.h"
#include "core/error.h"
#include "core/units.h"
#include "jobs/batch_log.h"
#include "jobs/exit_codes.h"
#include "jobs/ready_job.h"
#include "jobs/replay_ledger.h"
#include "jobs/replay_plan.h"
#include "jobs/replay_results.h"
#include "jobs/replay_source.h"
#include "jobs/replay_text.h"
#include "jobs/replay_timeline.h"
#include "jobs/report_file.h"
#include "jobs/request_rows.h"
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

class Replay {
 public:
  Replay(const ReplayCommand& command, mpi_runtime::Collectives& collectives)
      : command_(command),
        collectives_(collectives),
        root_(collectives.rank() == 0),
        clock_(command.time_scale) {}

  int run();

 private:
  void prepare();
  std::vector<std::string> files_read() const;
  RealModels prepare_job();
  std::vector<std::int64_t> rows_to_compute();
  void make_real_device();
  void find_rows();
  void check_trace_rows() const;
  void check_payloads() const;
  void open_outputs();
  void make_emulated_devices();
  mpi_runtime::ServeSettings serve_settings(mpi_runtime::Watchdog& watchdog) const;
  mpi_runtime::WatchdogSettings watchdog_settings() const;
  void lead(mpi_runtime::Collectives& rounds, mpi_runtime::Watchdog& watchdog);
  void add_up_devices();
  std::unique_ptr<AnswerRule> answer_rule() const;
  TimelineNames timeline_names() const;
  int tell();
  int code_of_outputs() const;

  const ReplayCommand& command_;
  mpi_runtime::Collectives& collectives_;
  const bool root_;
  const StopSignal signal_;
  ReplayPlan plan_;
  std::vector<std::string> rank_names_;  ///< rank@host
  int crowd_ = 1;  ///< ranks that share a core here, in units of a number that does no harm
  schedule::PolicyMaker policy_;
  std::unique_ptr<BatchLogFile> log_;
  std::unique_ptr<schedule::Timeline> timeline_;          ///< of this rank; null if nobody asks
  std::unique_ptr<ReplayTimeline> decisions_;             ///< of rank 0, likewise
  std::unique_ptr<ReadyJob> job_;                         ///< of real models, or null
  std::unique_ptr<RequestRows> rows_;                     ///< rank 0, of their data
  std::unique_ptr<ReplayResults> results_;                ///< rank 0, if they are written
  std::shared_ptr<const mpi_runtime::Blocks> timelines_;  ///< on rank 0, of all ranks
  mpi_runtime::Wakeup wakeup_;
  mpi_runtime::ServeClock clock_;
  std::unique_ptr<schedule::OrderExecutor> devices_;  ///< null on a rank without any; one of:
  rl::EmulatedRank* emulated_ = nullptr;
  mpi_runtime::ModelExecutor* real_ = nullptr;
  rl::Measures measures_;
  Replayed replayed_;
};

/// [collective] Finds bad input, and what the policy has to know in advance.
void Replay::prepare() {
  std::optional<RealModels> real;
  if (!command_.job_file.empty()) real = prepare_job();
  mpi_runtime::agree(collectives_, [&] {
    if (root_) {
      std::vector<std::string> files = files_read();
      check_report_file(command_.log, files, "--log");
      files.push_back(command_.log);
      check_report_file(command_.report, files);
      files.push_back(command_.report);
      check_report_file(command_.timeline, files, "--timeline");
    }
    plan_ = make_replay_plan(command_, collectives_.size(), real ? &*real : nullptr);
  });
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) return;
    const SimulatedPolicy& policy = simulated_policy(command_.policy);
    PolicyTuner tuner(plan_.profile, command_.evaluations);
    policy_ = command_.set.empty()
                  ? tuner.maker(policy, plan_.workload, plan_.fleet_spec, "", plan_.settings)
                  : maker_with(policy, command_.set);
    if (!command_.log.empty()) {
      log_ = std::make_unique<BatchLogFile>(command_.log, plan_.streams);
    }
  });
  const auto places = exchange_places(collectives_, "", "");
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
    make_real_device();
  } else {
    make_emulated_devices();
  }
}

/// Rank 0.
std::vector<std::string> Replay::files_read() const {
  std::vector<std::string> files = {command_.workload, command_.fleet, command_.profile};
  if (!job_) return files;
  files.push_back(command_.job_file);
  for (const auto& stream : job_->setup().streams()) {
    const std::vector<std::string> read = stream->files_read();
    files.insert(files.end(), read.begin(), read.end());
  }
  return files;
}

/// [collective] The models of the job, on all ranks; nothing is written.
RealModels Replay::prepare_job() {
  ScoreCommand score;
  score.job_file = command_.job_file;
  score.overrides.emplace_back([this](JobSettings& settings) {
    settings.dry_run = !command_.write;
    settings.scatter_rows = false;  // ranks read the rows of their requests
    settings.dedicated_scheduler |= command_.dedicated_scheduler;
  });
  job_ = std::make_unique<ReadyJob>(score, collectives_);
  mpi_runtime::agree(collectives_, [&] {
    if (job_->complete()) {
      throw_input_error("{}: its outputs are complete: name others{}", command_.job_file,
                        command_.write ? "" : ", nothing is written there");
    }
    if (command_.write && job_->settings().write_via_ranks) {
      throw_input_error(
          "{}: write_via is 'ranks', and what requests come to is gathered: leave it out",
          command_.job_file);
    }
    if (job_->settings().device != "cpu") {
      throw_input_error("{}: device is '{}', and requests are served on 'cpu' alone",
                        command_.job_file, job_->settings().device);
    }
  });
  RealModels real;
  for (std::size_t id = 0; id < job_->active().size(); ++id) {
    real.streams.push_back(job_->stream(id).name);
  }
  real.rows = rows_to_compute();
  for (const mpi_runtime::RankShare& share : job_->fleet().shares)
    real.cores.push_back(share.cores);
  if (job_->fleet().dedicated_scheduler) real.cores.front() = 0;
  for (const mpi_runtime::RankPlace& place : job_->fleet().places) real.hosts.push_back(place.host);
  return real;
}

/// [collective]
void Replay::make_real_device() {
  const std::optional<mpi_runtime::WorkerConfig> worker = job_->worker_config();
  mpi_runtime::agree(collectives_, [&] {
    if (root_) find_rows();
  });
  if (command_.write) open_outputs();
  const auto mine =
      std::find(plan_.rank_of_device.begin(), plan_.rank_of_device.end(), collectives_.rank());
  if (!worker || mine == plan_.rank_of_device.end()) return;
  const auto device = static_cast<schedule::DeviceId>(mine - plan_.rank_of_device.begin());
  mpi_runtime::ModelExecutorConfig config{
      .device = device,
      .cores = plan_.cluster.devices[device].cores,
      .models = std::vector<std::shared_ptr<const model::Model>>(plan_.cluster.models.size()),
      .core_choices = plan_.profile.device.core_choices,
      .sources = {},
      .stored = {},
      .name = rank_names_[static_cast<std::size_t>(collectives_.rank())],
      .timeline = timeline_.get()};
  for (schedule::StreamId id = 0; id < plan_.streams.size(); ++id) {
    config.models[plan_.cluster.streams[id].model] = worker->models[plan_.job_stream[id]];
    config.sources.push_back(worker->sources[plan_.job_stream[id]]);
    if (command_.write) {
      config.stored.push_back({.outputs = worker->outputs[plan_.job_stream[id]],
                               .fail_nonfinite = worker->fail_nonfinite[plan_.job_stream[id]]});
    }
  }
  auto executor = std::make_unique<mpi_runtime::ModelExecutor>(std::move(config), wakeup_, clock_);
  real_ = executor.get();
  devices_ = std::move(executor);
}

/// [collective] Of the job's streams, as rank 0 knows it.
std::vector<std::int64_t> Replay::rows_to_compute() {
  std::string text;
  for (const std::size_t stream : job_->active()) {
    if (!root_) continue;
    text += fmt::format("{} ", count_rows(job_->setup().stream(stream).rows_to_compute()));
  }
  std::istringstream numbers(collectives_.all_texts(text).front());
  std::vector<std::int64_t> rows;
  for (std::int64_t n = 0; numbers >> n;) rows.push_back(n);
  return rows;
}

/// Rank 0: which rows requests are for. Of a data set those that no earlier run has computed.
void Replay::find_rows() {
  std::vector<std::vector<RowRange>> wanted;
  for (const std::size_t of_job : job_->active()) {
    const StreamSetup& stream = job_->setup().stream(of_job);
    wanted.push_back(plan_.workload.bulk ? stream.rows_to_compute()
                                         : std::vector<RowRange>{{0, stream.rows()}});
  }
  rows_ = std::make_unique<RequestRows>(plan_.job_stream, std::move(wanted));
  if (plan_.workload.trace) check_trace_rows();
  if (command_.write) check_payloads();
}

void Replay::check_trace_rows() const {
  const rl::Trace& trace = *plan_.workload.trace;
  for (std::size_t i = 0; i < trace.rows.size(); ++i) {
    const std::size_t of_job = plan_.job_stream[trace.stream[i]];
    const std::int64_t rows = job_->setup().stream(job_->active()[of_job]).rows();
    if (trace.rows[i] < rows) continue;
    throw_input_error("{}:/row: request {} is for row {} of '{}', whose data have rows 0 to {}",
                      command_.workload, i, trace.rows[i], job_->stream(of_job).name, rows - 1);
  }
}

/// Results of a batch are not parted.
void Replay::check_payloads() const {
  const std::size_t limit = payload_limit(collectives_.size());
  for (const std::size_t of_job : job_->active()) {
    const StreamSetup& stream = job_->setup().stream(of_job);
    const auto columns = mpi_runtime::column_bytes(stream.model(), stream.outputs());
    const std::size_t row = std::accumulate(columns.begin(), columns.end(), std::size_t{0});
    const std::size_t batch = row * static_cast<std::size_t>(plan_.profile.device.max_batch);
    if (batch <= limit) continue;
    throw_input_error(
        "{}: results of {} rows, the largest batch of profile '{}', take {}, and a round carries "
        "at "
        "most {} for each of {} ranks: use fewer ranks, or a profile with a smaller max_batch",
        stream.model().label(), plan_.profile.device.max_batch, plan_.profile.name,
        bytes_text(static_cast<double>(batch)), bytes_text(static_cast<double>(limit)),
        collectives_.size());
  }
}

/// [collective] The first that is written of them.
void Replay::open_outputs() {
  mpi_runtime::agree(collectives_, [&] {
    if (root_) job_->setup().create_files();
  });
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) return;
    results_ = std::make_unique<ReplayResults>(*job_, collectives_.size(), *rows_, rank_names_);
  });
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

mpi_runtime::WatchdogSettings Replay::watchdog_settings() const {
  return {.limit = std::chrono::milliseconds(std::llround(command_.watchdog_seconds / kMilli)),
          .rank = collectives_.rank(),
          .names = rank_names_};
}

mpi_runtime::ServeSettings Replay::serve_settings(mpi_runtime::Watchdog& watchdog) const {
  return {
      .slot_bytes = mpi_runtime::serve_slot_bytes(plan_.profile.device.max_batch,
                                                  job_ ? 1 : command_.devices_per_rank),
      .most_payload = payload_limit(collectives_.size()),
      .round_period = std::chrono::microseconds(std::llround(command_.round_period_ms / kMilli)),
      .longest_pause = mpi_runtime::kLongestPause * crowd_,
      .crowded = crowd_ > 1,
      .watchdog = &watchdog,
      .timeline = timeline_.get()};
}

std::unique_ptr<AnswerRule> Replay::answer_rule() const {
  if (job_) return std::make_unique<SameAnswers>(*rows_);
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
  const auto dispatcher = make_dispatcher(plan_.cluster, settings, policy_, *events);
  ReplaySource source(plan_, *dispatcher, ledger, measures_, rows_.get());
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
      .stop_requested = [this] { return signal_.received() || (results_ && results_->failed()); },
      .done = done,
      .row_of = nullptr,
      .has_room = nullptr,
      .results = nullptr,
      .status = status};
  if (rows_) {
    hooks.row_of = [this](schedule::RequestId id) {
      return static_cast<std::uint64_t>(rows_->row_of(id));
    };
  }
  if (results_) {
    hooks.has_room = [this] { return results_->has_room(); };
    hooks.results = [this](const mpi_runtime::BatchResults& batch) { results_->take(batch); };
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
  prepare();
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
  if (results_) {
    results_->finish();
    replayed_.outputs = results_->streams();
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
    plan_.bound = bulk_bound_of(plan_.profile, plan_.workload, plan_.fleet_spec, plan_.settings);
  }
  replayed_.as_simulated = {.workload = plan_.workload,
                            .fleet = plan_.fleet_spec.name,
                            .device = job_ ? "cpu device" : "emulated NPU",
                            .policy = command_.policy,
                            .devices = plan_.settings.devices,
                            .seconds = plan_.settings.duration,
                            .wall_seconds = replayed_.wall_seconds,
                            .runs = {{.seed = command_.seed,
                                      .rate = rate,
                                      .bound = plan_.bound,
                                      .measures = std::move(measures_)}}};
  say(stdout, replayed_text(replayed_));
  if (!command_.report.empty()) report::write_report(replayed_json(replayed_), command_.report);
  if (replayed_.wrong > 0 || replayed_.doubled > 0) {
    throw_run_error("{} answers are not those of their requests, and {} requests ended twice",
                    replayed_.wrong, replayed_.doubled);
  }
  if (replayed_.rounds.stopped) {
    say(stderr, "stopped: what had not been answered stays so\n");
    return kStopped;
  }
  return code_of_outputs();
}

/// Of a data set all rows are expected, of other requests those that were answered.
int Replay::code_of_outputs() const {
  int code = kDone;
  for (const ReplayResults::Stream& stream : replayed_.outputs) {
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
