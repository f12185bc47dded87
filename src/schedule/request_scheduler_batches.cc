// RequestScheduler's batches: from the order to the answer, or back into the queue.

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "schedule/request_scheduler.h"

namespace widepipe::schedule {
namespace {

/// The weight of a batch in what is known of batches of late.
constexpr double kRecent = 0.002;

/// The demand of others, on a device of that speed, with which a batch of that demand gets on at
/// that rate; shared_rate()'s inverse.
double demand_of(double speed, double rate, double own) {
  const double times = speed / rate;
  return std::max(std::sqrt(std::max(times * times - 1, 0.0)) / speed - own, 0.0);
}

}  // namespace

void RequestScheduler::send(const Offer& offer, const Choice& choice, std::vector<Order>& orders) {
  Stream& stream = streams_[offer.stream];
  const Seconds deadline = offer.deadline_of(static_cast<std::size_t>(choice.give_up));
  ServingState& device = devices_[offer.device];
  CloseReason reason = choice.reason;
  if (reason == CloseReason::kTimeout) {
    if (draining_) {
      reason = CloseReason::kDrain;
    } else if (!stream.blocked && !due(stream, offer.now)) {
      reason = CloseReason::kIdle;
    }
  }
  const auto instances = device.instances();
  const auto found = std::find_if(instances.begin(), instances.end(), [&](const auto& instance) {
    return instance.spec.model == stream.model && instance.spec.choice == choice.choice &&
           instance.spec.max_batch >= choice.batch && device.fits(instance);
  });
  ServingState::Instance& instance = device.instance(found->id);
  if (free_places_.empty()) {
    free_places_.push_back(static_cast<std::uint32_t>(running_.size()));
    running_.emplace_back();
  }
  const std::uint32_t place = free_places_.back();
  free_places_.pop_back();
  Running& running = running_[place];
  running.batch = next_batch_++ << kPlaceBits | place;
  running.lost = false;
  running.stream = offer.stream;
  running.device = offer.device;
  running.instance = instance.id;
  running.cell = stream.costs->at(choice.choice, choice.batch);
  running.since = offer.now;
  running.requests.clear();
  counts_.given_up += choice.give_up;
  for (int i = 0; i < choice.give_up; ++i) drop_first(offer.stream, offer.now);
  for (int i = 0; i < choice.batch; ++i) {
    running.requests.push_back(stream.queue.front());
    stream.queue.pop_front();
  }
  waiting_ -= static_cast<std::size_t>(choice.batch);
  ++out_;
  ++counts_.batches;
  head_changed(stream);
  events_.closed({.at = offer.now,
                  .batch = running.batch,
                  .stream = offer.stream,
                  .device = offer.device,
                  .cores = instance.cores,
                  .size = choice.batch,
                  .reason = reason,
                  .waiting = offer.waiting,
                  .head_slack = deadline - offer.now,
                  .expected = offer.end_of(choice.choice, choice.batch) - offer.now,
                  .speed = offer.speed,
                  .demand = offer.demand});
  running.released = false;
  running.behind = instance.out > 0;
  running.expected = offer.end_of(choice.choice, choice.batch) - offer.now;
  device.begin(instance, running.batch, running.cell, offer.now);
  if (!running.behind) expect(running, offer.now + running.expected);
  running.work_before = device.work(offer.now);
  if (device.ejected) device.probing = true;
  refresh(offer.device);
  orders.push_back({Order::Kind::kRun, offer.device, instance.id, instance.spec, running.batch,
                    offer.stream, choice.batch});
}

std::span<const Request> RequestScheduler::requests_of(BatchId batch) const {
  const Running* running = find(batch);
  return running == nullptr ? std::span<const Request>() : running->requests;
}

void RequestScheduler::free_place(Running& running) {
  running.batch = 0;
  free_places_.push_back(static_cast<std::uint32_t>(&running - running_.data()));
}

void RequestScheduler::complete(BatchId batch, bool done, Seconds busy, Seconds now,
                                std::vector<Order>& orders) {
  if (find(batch) == nullptr) throw std::logic_error("a batch came back that is not out");
  Running& running = running_[batch & kPlaceMask];
  const DeviceId id = running.device;
  ServingState& device = devices_[id];
  if (running.lost) {
    const Seconds on_its_way = now - running.since - busy;
    if (done) patience_ = std::max(patience_, std::min(on_its_way, settings_.first_probe));
    free_place(running);
    // It was slow, not dead.
    if (done && device.ejected && !device.failed) readmit(id, now, orders);
    serve_device(id, now, orders);
    return;
  }
  if (!running.released) device.release(running.instance, running.cell, now);
  device.end(running.instance);
  if (done) {
    --out_;
    const Seconds out = std::max(now - running.since, busy);  // less if it was excused
    stretch_ += kRecent * (busy / running.cell.solo - stretch_);
    // What was ordered ahead may have waited for the one before.
    const Seconds travelled = out - busy;
    counts_.worked += busy;
    counts_.alone += running.cell.solo;
    if (!running.behind) {
      ++counts_.found_free;
      counts_.travelled += travelled;
    }
    if (!running.behind || travelled < travel_) {
      travel_ += (std::exchange(travelled_, true) ? kRecent : 1) * (travelled - travel_);
    }
    Stream& stream = streams_[running.stream];
    stream.took += busy / running.expected;
    ++stream.timed;
    for (const Request& request : running.requests) {
      ++(now - request.arrival <= stream.slo ? stream.in_time : stream.missed);
      forget_failures(request);
      events_.answered(running.stream, request, now);
    }
    // The mean rate while it was out is taken for that while the device worked on it.
    const double work = (device.work(now) - running.work_before) * (busy / out);
    if (!device.ejected && busy > 0 && work > 0) {
      unsteady_ += kRecent * (std::abs(work / running.cell.solo - 1) - unsteady_);
      const double others = demand_of(device.speed(), work / busy, running.cell.demand);
      usual_demand_ += (std::exchange(worked_, true) ? kRecent : 1) * (others - usual_demand_);
    }
    if (settings_.estimate_speeds) {
      // After an ejection nothing that was known counts.
      device.learn_speed(running.cell.solo, work, device.ejected ? 1 : settings_.speed_weight);
    }
    const ServingState::Instance& instance = device.instance(running.instance);
    if (instance.out > 0) {
      // The next one began when this one was done: half a way ago, and the next order takes half.
      Running& next = running_[instance.last & kPlaceMask];
      expect(next, std::max(now, now - travel_ + next.expected));
    }
    if (device.ejected) readmit(id, now, orders);
  } else {
    count_failure(running, now);
    take_back(running, now);
    running.lost = true;
    device.failed = true;
    eject(id, now);
  }
  const bool had_room = running.released;
  free_place(running);
  if (device.unsettled()) reconcile(id, now, orders);
  // What it had room for since it was released it has got, but for a device that rests now.
  if (had_room && done && !device.unsettled() && !device.resting()) return;
  serve_device(id, now, orders);
}

/// Requests of a batch that will not come back wait again: in front, or, where there are no
/// deadlines, behind all others, which they might spoil again.
void RequestScheduler::take_back(Running& running, Seconds now) {
  Stream& stream = streams_[running.stream];
  --out_;
  if (std::isinf(stream.slo)) {
    for (const Request& request : running.requests) stream.queue.push_back(request);
  } else {
    for (auto request = running.requests.rbegin(); request != running.requests.rend(); ++request) {
      stream.queue.push_front(*request);
    }
  }
  waiting_ += running.requests.size();
  counts_.dispatched_again += static_cast<std::int64_t>(running.requests.size());
  running.requests.clear();
  head_changed(stream);
  prune(running.stream, now);
}

/// Its instance is to be free then, whether or not it has come back.
void RequestScheduler::expect(Running& running, Seconds free_at) {
  if (!settings_.order_ahead || devices_[running.device].ejected) return;
  running.free_at = free_at;
  expected_.emplace(free_at, running.batch);
}

void RequestScheduler::release_due(Seconds now, std::vector<Order>& orders) {
  while (!expected_.empty() && expected_.top().first <= now) {
    const auto [at, batch] = expected_.top();
    expected_.pop();
    if (find(batch) == nullptr) continue;
    Running& running = running_[batch & kPlaceMask];
    if (running.lost || running.released || running.free_at != at) continue;
    running.released = true;
    devices_[running.device].release(running.instance, running.cell, now);
    // It does not rest yet: it is for those alone who wait for any device.
    const bool wanted = std::any_of(streams_.begin(), streams_.end(),
                                    [](const Stream& stream) { return stream.blocked; });
    if (wanted) {
      serve_device(running.device, now, orders);
    } else {
      refresh(running.device);
    }
  }
}

/// Those that have failed too often are given up.
void RequestScheduler::count_failure(Running& running, Seconds now) {
  std::erase_if(running.requests, [&](const Request& request) {
    if (++failures_[request.id] < settings_.most_failures) return false;
    failures_.erase(request.id);
    ++streams_[running.stream].missed;
    events_.dropped(running.stream, request, now);
    return true;
  });
}

}  // namespace widepipe::schedule
