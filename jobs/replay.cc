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
#include "core/error.h"
#include "jobs/batch_log.h"
#include "jobs/exit_codes.h"
#include "jobs/profile_file.h"
#include "jobs/replay_ledger.h"
#include "jobs/replay_text.h"
#include "jobs/report_file.h"
#include "jobs/seconds_since.h"
#include "jobs/simulated_policies.h"
#include "jobs/stop_signal.h"
#include "jobs/workload_file.h"
#include "mpi_runtime/agreement.h"
#include "mpi_runtime/fleet.h"
#include "mpi_runtime/serve_follower.h"
#include "mpi_runtime/serve_leader.h"
#include "report/run_report.h"
#include "rl/emulated_rank.h"

namespace widepipe::jobs {
namespace {

constexpr double kMilli = 1e-3;

/// All that follows from the command, the same on every rank.
struct Plan {
  npu_model::Profile profile;
  rl::WorkloadSpec workload;
  npu_model::FleetSpec fleet_spec;
  rl::SimulationSettings settings;
  double bound = 0;
  std::vector<rl::WorkloadStream> streams;
  npu_model::Fleet fleet;
  schedule::Cluster cluster;
  std::vector<int> rank_of_device;
};

Plan make_plan(const ReplayCommand& command, int ranks) {
  Plan plan;
  plan.profile = load_profile(command.profile);
  plan.workload = load_workload(command.workload, plan.profile);
  plan.fleet_spec =
      load_fleet(command.fleet.empty() ? plan.workload.fleet : command.fleet, plan.profile);
  const int first = command.dedicated_scheduler ? 1 : 0;
  if (first >= ranks) {
    throw_input_error("--dedicated-scheduler: needs another rank for the devices, found {} rank",
                      ranks);
  }
  for (int rank = first; rank < ranks; ++rank) {
    for (int i = 0; i < command.devices_per_rank; ++i) plan.rank_of_device.push_back(rank);
  }
  plan.settings = {.duration = command.seconds,
                   .devices = static_cast<int>(plan.rank_of_device.size()),
                   .seed = command.seed};
  simulated_policy(command.policy).set(plan.settings);
  if (plan.settings.true_speeds) {
    throw_input_error(
        "policy '{}' is told how fast devices are, which nobody knows live: only simulate has it",
        command.policy);
  }
  plan.bound = bound_of(plan.profile, plan.workload, plan.fleet_spec, plan.settings);
  plan.settings.rate = rl::asked_rate(plan.workload, plan.bound, command.rate, command.load);
  plan.settings = for_workload(plan.settings, plan.workload);
  plan.streams = streams_of_run(plan.profile, plan.workload, plan.settings);
  plan.fleet = fleet_of_run(plan.profile, plan.fleet_spec, plan.settings);
  plan.cluster = make_cluster(plan.profile, plan.streams, plan.fleet);
  return plan;
}

/// Requests as they come, on time or as soon as rank 0 gets to it.
class Source {
 public:
  Source(const Plan& plan, schedule::RequestDispatcher& dispatcher, ReplayLedger& ledger,
         rl::Measures& measures)
      : plan_(plan),
        dispatcher_(dispatcher),
        ledger_(ledger),
        measures_(measures),
        arrivals_(plan.workload,
                  rate_phases(plan.workload, plan.settings.duration,
                              seed_for(plan.settings.seed, rl::Purpose::kRates)),
                  plan.settings.rate, seed_for(plan.settings.seed, rl::Purpose::kArrivals)) {
    if (!plan.workload.bulk) next_ = arrivals_.next();
  }

  bool hand_in(schedule::Seconds now) {
    if (draining_) return false;
    bool due = false;
    if (plan_.workload.bulk) {
      for (schedule::StreamId id = 0; id < plan_.streams.size(); ++id) {
        for (std::size_t row = 0; row < plan_.streams[id].rows; ++row) due |= add(id, 0, now);
      }
    } else {
      for (; next_.at <= now && next_.at < plan_.settings.duration; next_ = arrivals_.next()) {
        due |= add(next_.stream, next_.at, now);
        lateness_.longest = std::max(lateness_.longest, now - next_.at);
        lateness_.sum += now - next_.at;
      }
      if (now < plan_.settings.duration) return due;
    }
    draining_ = true;
    dispatcher_.drain();
    return true;
  }
  bool over(schedule::Seconds now) const {
    return (draining_ && dispatcher_.drained()) || now > latest_end(plan_.workload, plan_.settings);
  }
  schedule::Seconds mean_lateness() const {
    return count_ == 0 ? 0 : lateness_.sum / static_cast<double>(count_);
  }
  schedule::Seconds longest_lateness() const { return lateness_.longest; }

 private:
  bool add(schedule::StreamId stream, schedule::Seconds at, schedule::Seconds now) {
    ++measures_.streams[stream].offered;
    ++measures_.events;
    ledger_.handed_in();
    return dispatcher_.add(stream, {count_++, at}, now);
  }

  const Plan& plan_;
  schedule::RequestDispatcher& dispatcher_;
  ReplayLedger& ledger_;
  rl::Measures& measures_;
  rl::ArrivalGenerator arrivals_;
  rl::ArrivalGenerator::Arrival next_;
  bool draining_ = false;  ///< no more will come
  schedule::RequestId count_ = 0;
  struct {
    double sum = 0;
    double longest = 0;
  } lateness_;
};

class Replay {
 public:
  Replay(const ReplayCommand& command, mpi_runtime::Collectives& collectives)
      : command_(command), collectives_(collectives), root_(collectives.rank() == 0) {}

  int run();

 private:
  void prepare();
  mpi_runtime::ServeSettings serve_settings(mpi_runtime::Watchdog& watchdog) const;
  mpi_runtime::WatchdogSettings watchdog_settings();
  void lead(mpi_runtime::Watchdog& watchdog);
  void add_up_devices(schedule::Seconds ended);
  int tell();

  const ReplayCommand& command_;
  mpi_runtime::Collectives& collectives_;
  const bool root_;
  const StopSignal signal_;
  Plan plan_;
  schedule::PolicyMaker policy_;
  std::unique_ptr<BatchLogFile> log_;
  std::unique_ptr<rl::EmulatedRank> devices_;  ///< null on a rank without any
  mpi_runtime::Wakeup wakeup_;
  rl::Measures measures_;
  Replayed replayed_;
};

/// [collective] Finds bad input, and what the policy has to know in advance.
void Replay::prepare() {
  mpi_runtime::agree(collectives_, [&] {
    if (root_) {
      check_report_file(command_.report,
                        {command_.workload, command_.fleet, command_.profile, command_.log});
      check_report_file(command_.log, {command_.workload, command_.fleet, command_.profile},
                        "--log");
    }
    plan_ = make_plan(command_, collectives_.size());
  });
  mpi_runtime::agree(collectives_, [&] {
    if (!root_) return;
    PolicyTuner tuner(plan_.profile, command_.evaluations);
    policy_ = tuner.maker(simulated_policy(command_.policy), plan_.workload, plan_.fleet_spec, "",
                          plan_.settings);
    if (!command_.log.empty()) {
      log_ = std::make_unique<BatchLogFile>(command_.log, plan_.streams);
    }
  });
  const auto mine = [&](int rank) { return rank == collectives_.rank(); };
  const auto first = std::find_if(plan_.rank_of_device.begin(), plan_.rank_of_device.end(), mine);
  const auto count = std::count_if(first, plan_.rank_of_device.end(), mine);
  if (count == 0) return;
  devices_ = std::make_unique<rl::EmulatedRank>(
      plan_.profile, plan_.fleet, plan_.cluster, networks_of(plan_.streams, plan_.cluster),
      static_cast<schedule::DeviceId>(first - plan_.rank_of_device.begin()),
      static_cast<std::size_t>(count),
      seed_for(plan_.settings.seed, rl::Purpose::kJitter) +
          static_cast<std::uint64_t>(collectives_.rank()));
}

/// [collective]
mpi_runtime::WatchdogSettings Replay::watchdog_settings() {
  mpi_runtime::WatchdogSettings settings{
      .limit = std::chrono::milliseconds(std::llround(command_.watchdog_seconds / kMilli)),
      .rank = collectives_.rank(),
      .names = {}};
  const auto places = exchange_places(collectives_, "", "");
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    settings.names.push_back(fmt::format("{}@{}", rank, places[rank].host));
  }
  return settings;
}

mpi_runtime::ServeSettings Replay::serve_settings(mpi_runtime::Watchdog& watchdog) const {
  // Where ranks share cores, each that looks for news takes them from the others.
  constexpr int kFewRanks = 16;
  const int crowd = std::max(collectives_.size() / kFewRanks, 1);
  return {
      .slot_bytes = mpi_runtime::serve_slot_bytes(plan_.profile.device.max_batch),
      .round_period = std::chrono::microseconds(std::llround(command_.round_period_ms / kMilli)),
      .longest_pause = mpi_runtime::kLongestPause * crowd,
      .watchdog = &watchdog};
}

/// [collective, rank 0]
void Replay::lead(mpi_runtime::Watchdog& watchdog) {
  rl::BatchLog to_log;
  if (log_) to_log = [this](const schedule::ClosedBatch& batch) { log_->add(batch); };
  rl::RequestCounter counter(plan_.cluster, measures_, to_log);
  ReplayLedger ledger(counter);
  const auto dispatcher = make_dispatcher(plan_.cluster, plan_.settings, policy_, ledger);
  Source source(plan_, *dispatcher, ledger, measures_);
  mpi_runtime::ServeClock clock(command_.time_scale);
  const auto model_of = [&](const schedule::DeviceNews& news) {
    const auto instances = dispatcher->device(news.device).instances();
    const auto found = std::find_if(instances.begin(), instances.end(),
                                    [&](const auto& one) { return one.id == news.instance; });
    return found == instances.end() ? std::numeric_limits<schedule::ModelId>::max()
                                    : found->spec.model;
  };
  mpi_runtime::ServeLeader leader(
      collectives_, *dispatcher, plan_.rank_of_device, devices_.get(), clock,
      serve_settings(watchdog),
      {.arrive = [&](schedule::Seconds now) { return source.hand_in(now); },
       .over = [&](schedule::Seconds now) { return source.over(now); },
       .stop_requested = [this] { return signal_.received(); },
       .done =
           [&](const schedule::DeviceNews& news, std::span<const schedule::Request> requests) {
             ledger.check(model_of(news), requests, news.answers);
           }});
  replayed_.rounds = leader.run(wakeup_);
  const schedule::Seconds ended = replayed_.rounds.ended;
  counter.end();
  dispatcher->drop_all(ended);
  measures_.duration = plan_.settings.duration;
  take_counts(dispatcher->counts(), measures_);
  replayed_.batches = dispatcher->counts().batches;
  replayed_.wrong = ledger.wrong();
  replayed_.doubled = ledger.doubled();
  replayed_.open = ledger.open();
  replayed_.mean_lateness = source.mean_lateness();
  replayed_.longest_lateness = source.longest_lateness();
}

/// [collective] What the devices of all ranks did.
void Replay::add_up_devices(schedule::Seconds ended) {
  std::string mine = "0 0";
  if (devices_) {
    mine = fmt::format("{} {}", devices_->busy_core_seconds(devices_->time()),
                       devices_->bandwidth_seconds());
  }
  for (const std::string& text : collectives_.all_texts(mine)) {
    std::istringstream numbers(text);
    double cores = 0;
    double bandwidth = 0;
    numbers >> cores >> bandwidth;
    measures_.busy_core_seconds += cores;
    measures_.bandwidth_seconds += bandwidth;
  }
  for (const npu_model::FleetDevice& device : plan_.fleet.devices) {
    measures_.core_seconds += device.cores * ended;
  }
  measures_.device_seconds = static_cast<double>(plan_.fleet.devices.size()) * ended;
}

int Replay::run() {
  prepare();
  const auto start = std::chrono::steady_clock::now();
  {
    mpi_runtime::Watchdog watchdog(watchdog_settings());
    if (root_) {
      lead(watchdog);
    } else {
      mpi_runtime::ServeClock clock(command_.time_scale);
      mpi_runtime::ServeFollower(collectives_, devices_.get(), clock, serve_settings(watchdog),
                                 [this] { return signal_.received(); })
          .run(wakeup_);
    }
  }
  add_up_devices(replayed_.rounds.ended);
  replayed_.wall_seconds = seconds_since(start);
  int code = kDone;
  mpi_runtime::agree(collectives_, [&] {
    if (root_) code = tell();
  });
  return code;
}

int Replay::tell() {
  if (log_) log_->finish();
  replayed_.ranks = collectives_.size();
  replayed_.time_scale = command_.time_scale;
  double rate = plan_.settings.rate;
  if (plan_.workload.bulk) {
    rate = measures_.throughput();
    plan_.bound = bulk_bound_of(plan_.profile, plan_.workload, plan_.fleet_spec, plan_.settings);
  }
  replayed_.as_simulated = {.workload = plan_.workload,
                            .fleet = plan_.fleet_spec.name,
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
  if (!replayed_.rounds.stopped) return kDone;
  say(stderr, "stopped: what had not been answered stays so\n");
  return kStopped;
}

}  // namespace

int run_replay(const ReplayCommand& command, mpi_runtime::Collectives& collectives) {
  return Replay(command, collectives).run();
}

}  // namespace widepipe::jobs
