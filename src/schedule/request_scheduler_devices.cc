// RequestScheduler's care of devices: ejection, probes, and the plan of what they hold.

#include <algorithm>
#include <cmath>
#include <utility>

#include "schedule/request_scheduler.h"

namespace widepipe::schedule {
namespace {

constexpr Seconds kNever = std::numeric_limits<Seconds>::infinity();

/// The weight of the last period in a stream's rate, if it is a usual one.
constexpr double kRateWeight = 0.5;
/// However often the policy wants to plan.
constexpr Seconds kShortestPeriod = 0.01;
/// For each model on each device: a plan takes a tenth of a microsecond for it, or less, and is to
/// take no more than a twentieth of the time.
constexpr Seconds kPeriodOfPair = 2e-6;

/// Of the requests of a stream.
constexpr double kMissesMuch = 0.2;
/// Of those that ended a usual period ago.
constexpr double kStillCounts = 0.5;
/// Of fewer requests hardly anything is known.
constexpr double kFew = 20;

}  // namespace

void RequestScheduler::excuse(Seconds time) {
  for (Running& running : running_) running.since += time;
  for (ServingState& device : devices_) device.excuse(time);
}

void RequestScheduler::eject(DeviceId id, Seconds now) {
  ServingState& device = devices_[id];
  for (Running& running : running_) {
    if (running.batch == 0 || running.lost || running.device != id) continue;
    take_back(running, now);
    running.lost = true;
  }
  device.clear(now);
  device.probe_pause = device.ejected ? std::min(2 * device.probe_pause, settings_.longest_probe)
                                      : settings_.first_probe;
  device.probe_at = now + device.probe_pause;
  device.probing = false;
  if (!std::exchange(device.ejected, true)) {
    ++counts_.ejections;
    events_.ejected(id, now);
  }
  refresh(id);
}

void RequestScheduler::readmit(DeviceId id, Seconds now, std::vector<Order>& orders) {
  ServingState& device = devices_[id];
  device.ejected = false;
  device.probing = false;
  device.failed = false;
  ++counts_.readmissions;
  events_.readmitted(id, now);
  reconcile(id, now, orders);
}

void RequestScheduler::tell_speed(DeviceId id, double speed, Seconds now,
                                  std::vector<Order>& orders) {
  if (speed <= 0) {
    eject(id, now);
    devices_[id].probe_at = kNever;
    return;
  }
  devices_[id].set_speed(speed, now);
  if (devices_[id].ejected) readmit(id, now, orders);
  serve_device(id, now, orders);
}

/// For batches that should long have come back, and for devices that may show that they work.
void RequestScheduler::check_devices(Seconds now, std::vector<Order>& orders) {
  next_check_ = now + settings_.check_period;
  for (const Running& running : running_) {
    if (running.batch == 0 || running.lost) continue;
    const Seconds waited = now - running.since - travel_ - patience_;
    if (waited <= 0) continue;
    const ServingState& device = devices_[running.device];
    const Seconds expected = running.cell.solo / shared_rate(device.speed(), device.demand());
    if (waited > settings_.patience * expected) eject(running.device, now);
  }
  for (DeviceId id = 0; id < devices_.size(); ++id) {
    const ServingState& device = devices_[id];
    if (device.load_is_late(now, settings_.patience, travel_ + patience_)) eject(id, now);
    if (device.ejected && !device.probing && now >= device.probe_at) serve_device(id, now, orders);
  }
}

/// A stream that misses much comes after others, and so do all that take no less of a device for a
/// request, or it would go on missing behind those of them that do not: what is short goes to where
/// it answers most.
void RequestScheduler::choose_who_gives_way(Seconds period) {
  Seconds least = kNever;
  const double still_counts = std::pow(kStillCounts, period / kUsualPlanPeriod);
  for (Stream& stream : streams_) {
    const double most = kMissesMuch * (stream.ended_of_late + kFew);
    if (stream.missed_of_late > most) least = std::min(least, stream.price);
    stream.ended_of_late *= still_counts;
    stream.missed_of_late *= still_counts;
  }
  for (Stream& stream : streams_) stream.gives_way = least < kNever && stream.price >= least;
}

Seconds RequestScheduler::plan_period() const {
  const auto pairs = static_cast<double>(cluster_.models.size() * devices_.size());
  const Seconds shortest = std::max(kShortestPeriod, kPeriodOfPair * pairs);
  // Written so that no number is the usual period.
  return plan_.period < settings_.plan_period
             ? std::clamp(shortest, plan_.period, settings_.plan_period)
             : settings_.plan_period;
}

void RequestScheduler::replan(Seconds now, std::vector<Order>* orders) {
  const Seconds period = now - last_plan_;
  const double rate_weight = 1 - std::pow(1 - kRateWeight, period / kUsualPlanPeriod);
  // A stream's first requests say less of it the shorter the time is in which they came, unless
  // nothing is known of any.
  const bool any_known = std::any_of(streams_.begin(), streams_.end(),
                                     [](const Stream& stream) { return stream.rate > 0; });
  const double first_weight = any_known ? std::min(period / kUsualPlanPeriod, 1.0) : 1;
  std::vector<StreamState> seen;
  for (Stream& stream : streams_) {
    if (period > 0) {
      const double rate = static_cast<double>(stream.arrived) / period;
      stream.rate += (stream.rate > 0 ? rate_weight : first_weight) * (rate - stream.rate);
    }
    const bool first = orders == nullptr;
    stream.ended_of_late += static_cast<double>(stream.in_time + stream.missed);
    stream.missed_of_late += static_cast<double>(stream.missed);
    seen.push_back({.arrivals_per_second = stream.rows > 0 ? 0 : stream.rate,
                    .waiting = first ? stream.rows : stream.queue.size(),
                    .arrived = std::exchange(stream.arrived, 0),
                    .in_time = std::exchange(stream.in_time, 0),
                    .missed = std::exchange(stream.missed, 0),
                    .took = std::exchange(stream.took, 0),
                    .timed = std::exchange(stream.timed, 0)});
  }
  choose_who_gives_way(period);
  std::vector<DeviceState> devices;
  for (const ServingState& device : devices_) devices.push_back({device.speed(), device.ejected});
  last_plan_ = now;
  policy_->plan({.now = now,
                 .period = period,
                 .cluster = &cluster_,
                 .streams = seen,
                 .devices = devices,
                 .instances = plan_.instances,
                 .travel = travel_,
                 .unsteady = unsteady_},
                plan_);
  accept_plan();
  next_plan_ = now + plan_period();
  for (DeviceId id = 0; id < devices_.size(); ++id) {
    if (orders == nullptr) {
      devices_[id].equip(plan_.instances[id]);
      refresh(id);
    } else {
      reconcile(id, now, *orders);
    }
  }
}

void RequestScheduler::reconcile(DeviceId id, Seconds now, std::vector<Order>& orders) {
  if (devices_[id].ejected) return;
  const std::size_t before = orders.size();
  devices_[id].reconcile(id, plan_.instances[id], now, orders);
  for (std::size_t i = before; i < orders.size(); ++i) {
    counts_.loads += orders[i].kind == Order::Kind::kLoad ? 1 : 0;
    able_[orders[i].spec.model].set(id, false);
  }
  if (orders.size() != before) refresh(id);
}

/// What a device cannot hold, or has no cores for, is left out.
void RequestScheduler::accept_plan() {
  for (DeviceId id = 0; id < devices_.size(); ++id) {
    double bytes = 0;
    const std::size_t before = plan_.instances[id].size();
    std::erase_if(plan_.instances[id], [&](const InstanceSpec& spec) {
      if (spec.model >= cluster_.models.size()) return true;
      const NetworkCosts& costs = *cluster_.models[spec.model].costs;
      if (spec.choice >= costs.core_choices().size() || spec.max_batch < 1 ||
          spec.max_batch > costs.max_batch() ||
          costs.core_choices()[spec.choice] > cluster_.devices[id].cores ||
          bytes + costs.instance_bytes(spec.max_batch) > cluster_.devices[id].memory) {
        return true;
      }
      bytes += costs.instance_bytes(spec.max_batch);
      return false;
    });
    counts_.vetoed += static_cast<std::int64_t>(before - plan_.instances[id].size());
  }
  for (Stream& stream : streams_) stream.quickest = kNever;
  for (const std::vector<InstanceSpec>& instances : plan_.instances) {
    for (const InstanceSpec& spec : instances) {
      const Seconds alone = cluster_.models[spec.model].costs->at(spec.choice, 1).solo;
      for (const StreamId id : streams_of_[spec.model]) {
        streams_[id].quickest = std::min(streams_[id].quickest, alone);
      }
    }
  }
  for (StreamId id = 0; id < streams_.size(); ++id) {
    Stream& stream = streams_[id];
    // Of a model that nobody has: it waits as long as its deadline allows, for a better plan.
    if (stream.quickest == kNever) stream.quickest = 0;
    stream.rule = plan_.rules[id];
    stream.enough_resting = stream.rule.idle_share * static_cast<double>(devices_.size());
    head_changed(stream);
  }
}

}  // namespace widepipe::schedule
