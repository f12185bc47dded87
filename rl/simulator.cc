#include "rl/simulator.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <utility>

#include "rl/emulated_fleet.h"

namespace widepipe::rl {
namespace {

using schedule::BatchId;
using schedule::DeviceId;
using schedule::Order;
using schedule::StreamId;

constexpr Seconds kNever = std::numeric_limits<Seconds>::infinity();

class Simulation {
 public:
  Simulation(const npu_model::Profile& profile, const WorkloadSpec& workload,
             const npu_model::FleetSpec& fleet, const SimulationSettings& settings,
             const schedule::PolicyMaker& make_policy, const BatchLog& log,
             std::vector<SchedulerCall>* calls)
      : settings_(settings),
        calls_(calls),
        bulk_(workload.bulk),
        end_(latest_end(workload, settings)),
        streams_(streams_of_run(profile, workload, settings)),
        fleet_(fleet_of_run(profile, fleet, settings)),
        cluster_(make_cluster(profile, streams_, fleet_)),
        counter_(cluster_, measures_, log),
        dispatcher_(make_dispatcher(cluster_, settings, make_policy, counter_)),
        devices_(profile, fleet_, cluster_, networks_of(streams_, cluster_),
                 seed_for(settings.seed, Purpose::kJitter)),
        arrivals_(
            workload,
            rate_phases(workload, settings.duration, seed_for(settings.seed, Purpose::kRates)),
            settings.rate, seed_for(settings.seed, Purpose::kArrivals)) {
    measures_.duration = settings.duration;
    for (DeviceId id = 0; id < fleet_.devices.size(); ++id) {
      for (const auto& instance : dispatcher_->device(id).instances()) {
        devices_.equip(id, instance.id, instance.spec);
      }
      if (settings_.true_speeds) dispatcher_->tell_speed(id, fleet_.devices[id].speed, 0, orders_);
    }
  }

  Measures run();

 private:
  bool immediate() const { return settings_.rounds.period <= 0 && settings_.rounds.delay <= 0; }
  /// The first round from `at` on, but for one that has been.
  Seconds round_at(Seconds at) const {
    const Seconds period = settings_.rounds.period;
    if (period <= 0) return at;
    // A round's own time, divided by the period, may be a little more than its number.
    constexpr double kRounding = 1e-6;
    return std::max(std::ceil(at / period - kRounding), last_round_ + 1) * period;
  }

  void arrive();
  void hand_in_rows();
  void dispatch();
  void hear_of_devices();
  void tell(const EmulatedFleet::News& news);
  void send_orders();
  void change_device();

  struct OnItsWay {
    Seconds at;
    EmulatedFleet::News news;
  };
  struct OrderOnItsWay {
    Seconds at;
    Order order;
  };

  void note(SchedulerCall::Kind kind, std::uint32_t place = 0, std::uint64_t what = 0,
            Seconds at = 0) const {
    if (calls_ != nullptr) calls_->push_back({kind, place, what, at, now_});
  }

  const SimulationSettings settings_;
  std::vector<SchedulerCall>* const calls_;
  const bool bulk_;
  const Seconds end_;  ///< at the latest
  const std::vector<WorkloadStream> streams_;
  const npu_model::Fleet fleet_;
  const schedule::Cluster cluster_;
  Measures measures_;
  RequestCounter counter_;
  const std::unique_ptr<schedule::RequestDispatcher> dispatcher_;
  EmulatedFleet devices_;
  ArrivalGenerator arrivals_;
  ArrivalGenerator::Arrival next_arrival_;
  bool draining_ = false;  ///< there are none any more
  bool due_ = false;       ///< one that came may be dispatched
  std::vector<Order> orders_;
  std::deque<OnItsWay> news_;          ///< in the order of their times
  std::deque<OrderOnItsWay> ordered_;  ///< likewise
  std::size_t next_change_ = 0;
  Seconds now_ = 0;
  double last_round_ = -1;  ///< its number
  Seconds wake_at_ = 0;     ///< when rank 0 looks what there is to do
  schedule::RequestId next_id_ = 0;
};

Measures Simulation::run() {
  send_orders();
  if (bulk_) hand_in_rows();
  next_arrival_ = bulk_ ? ArrivalGenerator::Arrival{kNever, 0} : arrivals_.next();
  wake_at_ = round_at(dispatcher_->next_time());
  for (;;) {
    const Seconds arrival = draining_ ? kNever : std::min(next_arrival_.at, settings_.duration);
    const Seconds device = devices_.next_time();
    const Seconds news = news_.empty() ? kNever : news_.front().at;
    const Seconds order = ordered_.empty() ? kNever : ordered_.front().at;
    const Seconds change =
        next_change_ < fleet_.changes.size() ? fleet_.changes[next_change_].at : kNever;
    const Seconds next = std::min({arrival, device, news, order, change, wake_at_});
    if (next > end_ || (draining_ && dispatcher_->drained())) break;
    now_ = std::max(now_, next);
    if (next == change) {
      change_device();
    } else if (next == device) {
      hear_of_devices();
    } else if (next == order) {
      devices_.accept(ordered_.front().order, now_);
      ordered_.pop_front();
    } else if (next == news) {
      tell(news_.front().news);
      news_.pop_front();
    } else if (next == arrival) {
      arrive();
    } else {
      if (settings_.rounds.period > 0) last_round_ = std::round(now_ / settings_.rounds.period);
      dispatch();
    }
    send_orders();
    wake_at_ = std::max(round_at(due_ ? now_ : dispatcher_->next_time()), now_);
  }
  counter_.end();
  dispatcher_->drop_all(now_);
  take_counts(dispatcher_->counts(), measures_);
  const EmulatedFleet::Use use = devices_.use(now_);
  measures_.busy_core_seconds = use.core_seconds;
  measures_.bandwidth_seconds = use.bandwidth_seconds;
  measures_.device_seconds = static_cast<double>(fleet_.devices.size()) * now_;
  for (const npu_model::FleetDevice& device : fleet_.devices) {
    measures_.core_seconds += device.cores * now_;
  }
  return std::move(measures_);
}

void Simulation::arrive() {
  const auto [at, stream] = next_arrival_;
  if (at >= settings_.duration) {
    draining_ = true;
    note(SchedulerCall::Kind::kDrain);
    dispatcher_->drain();
    return;
  }
  next_arrival_ = arrivals_.next();
  ++measures_.streams[stream].offered;
  ++measures_.events;
  note(SchedulerCall::Kind::kAdd, stream, next_id_, at);
  due_ |= dispatcher_->add(stream, {next_id_++, at}, now_);
  if (due_ && immediate()) dispatch();
}

/// A data set is there from the start.
void Simulation::hand_in_rows() {
  for (StreamId id = 0; id < cluster_.streams.size(); ++id) {
    const std::size_t rows = cluster_.streams[id].rows;
    measures_.streams[id].offered = static_cast<std::int64_t>(rows);
    for (std::size_t row = 0; row < rows; ++row) {
      note(SchedulerCall::Kind::kAdd, id, next_id_, 0);
      dispatcher_->add(id, {next_id_++, 0}, 0);
    }
  }
  draining_ = due_ = true;
  note(SchedulerCall::Kind::kDrain);
  dispatcher_->drain();
}

void Simulation::dispatch() {
  ++measures_.events;
  due_ = false;
  note(SchedulerCall::Kind::kDispatch);
  dispatcher_->dispatch(now_, orders_);
}

void Simulation::hear_of_devices() {
  const EmulatedFleet::News news = devices_.take_next(now_);
  ++measures_.events;
  if (immediate()) return tell(news);
  news_.push_back({round_at(now_ + settings_.rounds.delay), news});
}

void Simulation::tell(const EmulatedFleet::News& news) {
  if (news.kind == EmulatedFleet::News::Kind::kLoaded) {
    note(SchedulerCall::Kind::kLoaded, news.device, news.instance);
    dispatcher_->loaded(news.device, news.instance, now_, orders_);
  } else {
    // Answers are taken for checked.
    const bool good = news.kind == EmulatedFleet::News::Kind::kDone && !news.wrong;
    note(SchedulerCall::Kind::kComplete, good ? 1 : 0, news.batch, news.busy);
    dispatcher_->complete(news.batch, good, news.busy, now_, orders_);
  }
}

void Simulation::send_orders() {
  for (const Order& order : orders_) {
    ++measures_.events;
    if (immediate()) {
      devices_.accept(order, now_);
    } else {
      ordered_.push_back({now_ + settings_.rounds.delay, order});
    }
  }
  orders_.clear();
}

void Simulation::change_device() {
  const npu_model::DeviceChange& change = fleet_.changes[next_change_++];
  devices_.change(change, now_);
  if (settings_.true_speeds) {
    dispatcher_->tell_speed(static_cast<DeviceId>(change.device), change.speed, now_, orders_);
  }
  ++measures_.events;
}

}  // namespace

Measures simulate(const npu_model::Profile& profile, const WorkloadSpec& workload,
                  const npu_model::FleetSpec& fleet, const SimulationSettings& settings,
                  const schedule::PolicyMaker& make_policy, const BatchLog& log,
                  std::vector<SchedulerCall>* calls) {
  return Simulation(profile, workload, fleet, for_workload(settings, workload), make_policy, log,
                    calls)
      .run();
}

}  // namespace widepipe::rl
