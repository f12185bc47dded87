#include "schedule/request_scheduler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>

#include "schedule/serving_plans.h"

namespace widepipe::schedule {
namespace {

constexpr Seconds kNever = std::numeric_limits<Seconds>::infinity();

/// Of all devices that could take a batch, so many are looked at for the best.
constexpr std::size_t kCompared = 8;

}  // namespace

RequestCounts& RequestCounts::operator+=(const RequestCounts& other) {
  batches += other.batches;
  vetoed += other.vetoed;
  replaced += other.replaced;
  given_up += other.given_up;
  refused += other.refused;
  ejections += other.ejections;
  readmissions += other.readmissions;
  loads += other.loads;
  dispatched_again += other.dispatched_again;
  found_free += other.found_free;
  travelled += other.travelled;
  worked += other.worked;
  alone += other.alone;
  comparisons += other.comparisons;
  fallbacks += other.fallbacks;
  fallback_seconds += other.fallback_seconds;
  policy_steps += other.policy_steps;
  return *this;
}

RequestCounts RequestScheduler::counts() const {
  RequestCounts all = counts_;
  const PolicyCounts of_policy = policy_->counts();
  all.comparisons = of_policy.comparisons;
  all.fallbacks = of_policy.fallbacks;
  all.fallback_seconds = of_policy.fallback_seconds;
  all.policy_steps = of_policy.steps;
  return all;
}

RequestScheduler::RequestScheduler(Cluster cluster, std::unique_ptr<RequestPolicy> policy,
                                   RequestEvents& events, RequestSettings settings)
    : cluster_(std::move(cluster)),
      policy_(std::move(policy)),
      events_(events),
      settings_(settings),
      streams_of_(cluster_.models.size()),
      resting_(cluster_.devices.size()),
      patience_(settings.patience_floor),
      next_check_(settings.check_period),
      next_plan_(settings.plan_period) {
  for (StreamId id = 0; id < cluster_.streams.size(); ++id) {
    const RequestStream& spec = cluster_.streams[id];
    Stream& stream = streams_.emplace_back();
    stream.slo = spec.slo;
    stream.model = spec.model;
    stream.costs = cluster_.models.at(spec.model).costs.get();
    stream.due_at = kNever;
    stream.rows = spec.rows;
    const Seconds cost = least_cost(spec);
    stream.price = std::isinf(spec.slo) ? kNever : cost;
    stream.most_waiting = most_waiting(spec, cost);
    streams_of_[spec.model].push_back(id);
  }
  for (const ServingDevice& device : cluster_.devices) devices_.emplace_back(device, cluster_);
  able_.assign(cluster_.models.size(), DeviceIndex(devices_.size()));
  plan_.rules.resize(streams_.size());
  plan_.instances.resize(devices_.size());
  replan(0, nullptr);
}

/// No device of speed 1 takes less for a request: cores and bandwidth, as shares of it, make a
/// disc.
Seconds RequestScheduler::least_cost(const RequestStream& stream) const {
  const NetworkCosts& costs = *cluster_.models[stream.model].costs;
  const int cores = most_cores(cluster_);
  const OperatingPoint point = cheapest_point(costs, cores, stream.slo);
  return cost_per_request(costs, point.choice, point.batch, cores);
}

std::size_t RequestScheduler::most_waiting(const RequestStream& stream, Seconds cost) const {
  constexpr double kMost = 1e12;
  const double all =
      settings_.most_waiting * stream.slo / cost * static_cast<double>(cluster_.devices.size());
  return static_cast<std::size_t>(std::clamp(std::ceil(all), 1.0, kMost));
}

bool RequestScheduler::due(const Stream& stream, Seconds now) const {
  return !stream.queue.empty() &&
         (draining_ || stream.due_at <= now ||
          stream.queue.size() >= static_cast<std::size_t>(stream.rule.full));
}

/// Devices that were no use for the one before may be for this one.
void RequestScheduler::head_changed(Stream& stream) const {
  stream.blocked = false;
  stream.due_at =
      stream.queue.empty() ? kNever : stream.queue.front().arrival + stream.rule.hold - travel_;
}

bool RequestScheduler::add(StreamId id, const Request& request, Seconds now) {
  Stream& stream = streams_[id];
  ++stream.arrived;
  if (stream.queue.size() >= stream.most_waiting) prune(id, now);
  if (stream.queue.size() >= stream.most_waiting) {
    ++counts_.refused;
    ++stream.missed;
    events_.dropped(id, request, now);
    return false;
  }
  ++waiting_;
  stream.queue.push_back(request);
  if (stream.queue.size() == 1) {
    head_changed(stream);
  } else if (deadline(stream) < now) {
    prune(id, now);  // so that an overload does not fill the memory
  }
  return !stream.blocked && (due(stream, now) || eager(stream));
}

/// Drops what cannot be answered in time any more: alone, on the fastest instance of the plan, it
/// would be late if that takes as many times longer than without neighbours as batches of late did.
void RequestScheduler::prune(StreamId id, Seconds now) {
  Stream& stream = streams_[id];
  bool changed = false;
  while (!stream.queue.empty() && deadline(stream) < now + stream.quickest * stretch_) {
    drop_first(id, now);
    ++stream.expired;
    changed = true;
  }
  if (changed) head_changed(stream);
}

void RequestScheduler::drop_first(StreamId id, Seconds now) {
  Stream& stream = streams_[id];
  const Request request = stream.queue.front();
  stream.queue.pop_front();
  --waiting_;
  ++stream.missed;
  forget_failures(request);
  events_.dropped(id, request, now);
}

std::vector<std::pair<StreamId, Request>> RequestScheduler::take_waiting() {
  std::vector<std::pair<StreamId, Request>> taken;
  for (StreamId id = 0; id < streams_.size(); ++id) {
    Stream& stream = streams_[id];
    for (; !stream.queue.empty(); stream.queue.pop_front()) {
      taken.emplace_back(id, stream.queue.front());
    }
    head_changed(stream);
    stream.scarce = false;
  }
  waiting_ = 0;
  return taken;
}

void RequestScheduler::drop_all(Seconds now) {
  for (const auto& [stream, request] : take_waiting()) events_.dropped(stream, request, now);
}

void RequestScheduler::dispatch(Seconds now, std::vector<Order>& orders) {
  if (now >= next_check_) check_devices(now, orders);
  if (now >= next_plan_) replan(now, &orders);
  if (settings_.order_ahead) release_due(now, orders);
  turns_.clear();
  for (StreamId id = 0; id < streams_.size(); ++id) {
    const Stream& stream = streams_[id];
    if (!stream.blocked && (due(stream, now) || eager(stream))) take_turn(id, now);
  }
  while (!turns_.empty()) {
    std::ranges::pop_heap(turns_, std::greater());
    const StreamId id = turns_.back().second;
    turns_.pop_back();
    if (serve_stream(id, now, orders)) take_turn(id, now);
  }
}

/// Queues the stream for dispatch(), if a batch of it may leave.
void RequestScheduler::take_turn(StreamId id, Seconds now) {
  Stream& stream = streams_[id];
  prune(id, now);
  const bool is_due = due(stream, now);
  if (!is_due) stream.scarce = false;
  if (!is_due && !eager(stream)) return;
  turns_.emplace_back(turn_of(stream), id);
  std::ranges::push_heap(turns_, std::greater());
}

Seconds RequestScheduler::next_time() const {
  const bool watching = out_ > 0 || counts_.ejections > counts_.readmissions;
  Seconds next = watching ? std::min(next_check_, next_plan_) : next_plan_;
  for (const Stream& stream : streams_) {
    if (stream.blocked || stream.queue.empty()) continue;
    const bool full = stream.queue.size() >= static_cast<std::size_t>(stream.rule.full);
    next = std::min(next, full || draining_ ? 0 : stream.due_at);
  }
  if (waiting_ > 0 && !expected_.empty()) next = std::min(next, expected_.top().first);
  return next;
}

/// A batch of a stream that is due, to a device that has room; or, if its rule says so, to one that
/// has nothing to do. False if none takes it.
bool RequestScheduler::serve_stream(StreamId id, Seconds now, std::vector<Order>& orders) {
  Stream& stream = streams_[id];
  const bool is_due = due(stream, now);
  if (!is_due && !eager(stream)) return false;
  if (send_to_best(id, is_due, now, orders)) return true;
  if (is_due) {
    stream.blocked = true;
    if (!std::exchange(stream.scarce, true)) ++stream.shortage;
  }
  return false;
}

/// A batch to the best of some devices that have room, or, unless to any, nothing to do. False if
/// none takes it.
bool RequestScheduler::send_to_best(StreamId id, bool any, Seconds now,
                                    std::vector<Order>& orders) {
  const double slow = streams_[id].rule.slow;
  // Begins where the batches of late went: their neighbours have waited longest.
  const auto first = static_cast<DeviceId>(next_batch_ % devices_.size());
  std::array<std::pair<double, DeviceId>, kCompared> seen;
  std::size_t count = 0;
  const DeviceIndex& able = able_[streams_[id].model];
  (any ? able : resting_).walk(first, [&](DeviceId device) {
    if (!any && !able.contains(device)) return true;
    const double speed = devices_[device].speed();
    seen[count++] = {shared_rate(speed, devices_[device].demand()) - slow * speed, device};
    return count < kCompared;
  });
  while (count > 0) {
    const auto best =
        std::max_element(seen.begin(), seen.begin() + count,
                         [](const auto& x, const auto& y) { return x.first < y.first; });
    if (offer(id, best->second, now, orders)) return true;
    *best = seen[--count];
  }
  return false;
}

RequestScheduler::Turn RequestScheduler::turn_of(const Stream& stream) const {
  const auto left = static_cast<double>(stream.queue.size());
  return {stream.gives_way ? stream.price : 0,
          deadline(stream) - stream.quickest - stream.rule.lead,
          -left / static_cast<double>(std::max<std::size_t>(stream.rows, 1))};
}

/// Of the streams that no device could serve, and this one could: whose turn it is. Others are for
/// dispatch(), which compares devices, unless this one has nothing to do, or is to show that it
/// works.
std::optional<StreamId> RequestScheduler::most_urgent(DeviceId device_id) const {
  const ServingState& device = devices_[device_id];
  // It counts itself, though it may not be entered yet: that is refresh()'s.
  const std::size_t resting = resting_.size() + (resting_.contains(device_id) ? 0 : 1);
  std::optional<StreamId> urgent;
  Turn least;
  for (const ServingState::Instance& instance : device.instances()) {
    if (!device.fits(instance)) continue;
    for (const StreamId id : streams_of_[instance.spec.model]) {
      const Stream& stream = streams_[id];
      if (stream.queue.empty() || stream.declined == visit_) continue;
      const bool any = device.ejected || (device.resting() && eager(stream, resting));
      if (!stream.blocked && !any) continue;
      const Turn turn = turn_of(stream);
      if (!urgent || turn < least) {
        least = turn;
        urgent = id;
      }
    }
  }
  return urgent;
}

/// Batches for a device that has room again.
void RequestScheduler::serve_device(DeviceId id, Seconds now, std::vector<Order>& orders) {
  ServingState& device = devices_[id];
  ++visit_;
  bool fresh = false;  // send() does it, too
  while (!device.ejected || (!device.probing && now >= device.probe_at)) {
    const std::optional<StreamId> urgent = most_urgent(id);
    if (!urgent) break;
    prune(*urgent, now);
    Stream& stream = streams_[*urgent];
    if (stream.queue.empty()) continue;
    // What is left of one that has waited for a device takes this one, even if it is not due.
    if (!due(stream, now)) stream.scarce = false;
    fresh = offer(*urgent, id, now, orders);
    if (!fresh) stream.declined = visit_;
  }
  if (!fresh) refresh(id);
}

/// What the device could run now, for those who look for one.
void RequestScheduler::refresh(DeviceId id) {
  const ServingState& device = devices_[id];
  for (const ServingState::Instance& instance : device.instances()) {
    able_[instance.spec.model].set(id, false);
  }
  resting_.set(id, false);
  if (device.ejected) return;
  bool able = false;
  for (const ServingState::Instance& instance : device.instances()) {
    if (!device.fits(instance)) continue;
    able_[instance.spec.model].set(id, true);
    able = true;
  }
  resting_.set(id, able && device.resting());
}

/// True if a batch was sent.
bool RequestScheduler::offer(StreamId id, DeviceId device_id, Seconds now,
                             std::vector<Order>& orders) {
  const Stream& stream = streams_[id];
  const ServingState& device = devices_[device_id];
  idle_.assign(stream.costs->core_choices().size(), 0);
  for (const ServingState::Instance& instance : device.instances()) {
    if (instance.spec.model != stream.model || !device.fits(instance)) continue;
    int& largest = idle_[instance.spec.choice];
    largest = std::max(largest, instance.spec.max_batch);
  }
  // What is given up here is out of the way of all that rest.
  std::size_t resting = 1;
  if (stream.scarce && device.resting()) {
    const DeviceIndex& able = able_[stream.model];
    const bool counted = resting_.contains(device_id) && able.contains(device_id);
    resting = resting_.shared_with(able) + (counted ? 0 : 1);
  }
  const Offer offer{.now = now,
                    .stream = id,
                    .device = device_id,
                    .costs = stream.costs,
                    .speed = device.speed(),
                    .demand = device.demand(),
                    .usual_demand = worked_ ? usual_demand_ : device.demand(),
                    .waiting = stream.queue.size(),
                    .deadline = deadline(stream),
                    .queue = &stream.queue,
                    .scarce = stream.scarce,
                    .expired = stream.expired,
                    .shortage = stream.shortage,
                    .resting = resting,
                    .idle = idle_};
  const std::optional<Choice> choice = guarded(offer, policy_->choose(offer));
  if (!choice) return false;
  send(offer, *choice, orders);
  return true;
}

/// What cannot be done is not; what would be late is replaced by what would not, if there is any.
std::optional<Choice> RequestScheduler::guarded(const Offer& offer, std::optional<Choice> choice) {
  if (!choice) return std::nullopt;
  if (choice->choice >= offer.idle.size() || choice->batch < 1 ||
      choice->batch > offer.idle[choice->choice] || choice->give_up < 0 ||
      static_cast<std::size_t>(choice->batch) + static_cast<std::size_t>(choice->give_up) >
          offer.waiting) {
    ++counts_.vetoed;
    return std::nullopt;
  }
  const Seconds deadline = offer.deadline_of(static_cast<std::size_t>(choice->give_up));
  if (offer.end_of(choice->choice, choice->batch) <= deadline) return choice;
  std::optional<Choice> better;
  for (std::uint32_t cores = 0; cores < offer.idle.size(); ++cores) {
    int batch = std::min(choice->batch, offer.idle[cores]);
    while (batch > 0 && offer.end_of(cores, batch) > deadline) --batch;
    if (batch > (better ? better->batch : 0)) {
      better = {cores, batch, CloseReason::kDeadline, choice->give_up};
    }
  }
  if (!better) return choice;
  ++counts_.replaced;
  return settings_.guard_deadlines ? better : choice;
}

void RequestScheduler::loaded(DeviceId id, InstanceId instance, Seconds now,
                              std::vector<Order>& orders) {
  if (!devices_.at(id).loaded(instance)) {  // the device was ejected meanwhile, and it forgotten
    orders.push_back({Order::Kind::kUnload, id, instance, {}});
    return;
  }
  reconcile(id, now, orders);
  serve_device(id, now, orders);
}

}  // namespace widepipe::schedule
