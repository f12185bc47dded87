#include "schedule/load_balancer.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace widepipe::schedule {

/// One device's scheduler, to which it is device 0, told apart from the others.
class LoadBalancer::Replica final : public RequestEvents {
 public:
  Replica(LoadBalancer& balancer, DeviceId id, Cluster cluster, const PolicyMaker& make,
          RequestEvents& events, const RequestSettings& settings)
      : scheduler(std::move(cluster), make(), *this, settings),
        balancer_(balancer),
        id_(id),
        events_(events) {
    note_models();
  }

  void answered(StreamId stream, const Request& request, Seconds now) override {
    ended();
    events_.answered(stream, request, now);
  }
  void dropped(StreamId stream, const Request& request, Seconds now) override {
    ended();
    events_.dropped(stream, request, now);
  }
  void closed(const ClosedBatch& batch) override {
    ClosedBatch outside = batch;
    outside.device = id_;
    outside.batch = outer(batch.batch);
    events_.closed(outside);
  }
  void ejected(DeviceId, Seconds now) override { events_.ejected(id_, now); }
  void readmitted(DeviceId, Seconds now) override { events_.readmitted(id_, now); }

  const ServingState& state() const { return scheduler.device(0); }
  bool has(ModelId model) const { return has_[model]; }
  void note_models() {
    has_.assign(scheduler.cluster().models.size(), false);
    for (const auto& instance : state().instances()) has_[instance.spec.model] = true;
  }
  void begun() {
    ++outstanding;
    ++balancer_.outstanding_;
  }
  void ended() {
    --outstanding;
    --balancer_.outstanding_;
  }
  /// Batches have numbers by which all tell whose they are.
  BatchId outer(BatchId batch) const { return batch * balancer_.replicas_.size() + id_; }

  std::size_t outstanding = 0;
  RequestScheduler scheduler;

 private:
  LoadBalancer& balancer_;
  const DeviceId id_;
  RequestEvents& events_;
  std::vector<bool> has_;  ///< instances, by model
};

LoadBalancer::LoadBalancer(const Cluster& cluster, const PolicyMaker& make, RequestEvents& events,
                           const RequestSettings& settings)
    : next_(cluster.devices.size()) {
  for (const RequestStream& stream : cluster.streams) models_.push_back(stream.model);
  for (DeviceId id = 0; id < cluster.devices.size(); ++id) {
    Cluster alone{cluster.models, cluster.streams, {cluster.devices[id]}};
    replicas_.push_back(
        std::make_unique<Replica>(*this, id, std::move(alone), make, events, settings));
    next_.set(id, replicas_[id]->scheduler.next_time());
  }
}

LoadBalancer::~LoadBalancer() = default;

const ServingState& LoadBalancer::device(DeviceId device) const {
  return replicas_.at(device)->state();
}

bool LoadBalancer::probe_due(DeviceId device, Seconds now) const {
  const Replica& replica = *replicas_[device];
  const ServingState& state = replica.state();
  return state.ejected && !state.probing && now >= state.probe_at && replica.outstanding == 0;
}

/// Of those that have the model; of all if none has.
DeviceId LoadBalancer::least_outstanding(ModelId model, Seconds now) {
  const auto devices = static_cast<DeviceId>(replicas_.size());
  turn_ = (turn_ + 1) % devices;
  DeviceId best = turn_;
  bool found = false;
  bool fits = false;
  for (DeviceId step = 0; step < devices; ++step) {
    const DeviceId id = (turn_ + step) % devices;
    const Replica& replica = *replicas_[id];
    if (replica.state().ejected) {
      if (probe_due(id, now)) return id;
      continue;
    }
    const bool has = replica.has(model);
    if (found && fits == has && replica.outstanding >= replicas_[best]->outstanding) continue;
    if (found && fits && !has) continue;
    best = id;
    found = true;
    fits = has;
  }
  return best;
}

bool LoadBalancer::add(StreamId stream, const Request& request, Seconds now) {
  const DeviceId id = least_outstanding(models_[stream], now);
  Replica& replica = *replicas_[id];
  replica.begun();
  const bool due = replica.scheduler.add(stream, request, now);
  next_.set(id, replica.scheduler.next_time());
  return due;
}

/// After a device's scheduler did something: its orders are told apart from those of others, and
/// what waits at a device that does not work goes elsewhere.
void LoadBalancer::settle(DeviceId id, std::size_t first_order, Seconds now,
                          std::vector<Order>& orders) {
  Replica& replica = *replicas_[id];
  for (std::size_t i = first_order; i < orders.size(); ++i) {
    orders[i].device = id;
    orders[i].batch = replica.outer(orders[i].batch);
  }
  const ServingState& state = replica.state();
  const auto works = [](const auto& other) { return !other->state().ejected; };
  if (state.ejected && replica.scheduler.waiting() > 0 && now < state.probe_at &&
      std::any_of(replicas_.begin(), replicas_.end(), works)) {
    for (const auto& [stream, request] : replica.scheduler.take_waiting()) {
      replica.ended();
      add(stream, request, now);
    }
  }
  next_.set(id, replica.scheduler.next_time());
}

void LoadBalancer::dispatch(Seconds now, std::vector<Order>& orders) {
  // Each once: what one gives to another is due at once, and so in the next call.
  due_.clear();
  while (next_.next_time() <= now) {
    due_.push_back(next_.next());
    next_.set(due_.back(), std::numeric_limits<Seconds>::infinity());
  }
  for (const DeviceId id : due_) {
    const std::size_t before = orders.size();
    replicas_[id]->scheduler.dispatch(now, orders);
    settle(id, before, now, orders);
  }
}

void LoadBalancer::complete(BatchId batch, bool done, Seconds busy, Seconds now,
                            std::vector<Order>& orders) {
  const auto id = static_cast<DeviceId>(batch % replicas_.size());
  const std::size_t before = orders.size();
  replicas_[id]->scheduler.complete(batch / replicas_.size(), done, busy, now, orders);
  settle(id, before, now, orders);
}

std::span<const Request> LoadBalancer::requests_of(BatchId batch) const {
  return replicas_[batch % replicas_.size()]->scheduler.requests_of(batch / replicas_.size());
}

void LoadBalancer::loaded(DeviceId id, InstanceId instance, Seconds now,
                          std::vector<Order>& orders) {
  const std::size_t before = orders.size();
  replicas_.at(id)->scheduler.loaded(0, instance, now, orders);
  replicas_[id]->note_models();
  settle(id, before, now, orders);
}

void LoadBalancer::drain() {
  for (DeviceId id = 0; id < replicas_.size(); ++id) {
    replicas_[id]->scheduler.drain();
    next_.set(id, replicas_[id]->scheduler.next_time());
  }
}

void LoadBalancer::drop_all(Seconds now) {
  for (const auto& replica : replicas_) replica->scheduler.drop_all(now);
}

void LoadBalancer::tell_speed(DeviceId id, double speed, Seconds now, std::vector<Order>& orders) {
  const std::size_t before = orders.size();
  replicas_.at(id)->scheduler.tell_speed(0, speed, now, orders);
  settle(id, before, now, orders);
}

void LoadBalancer::excuse(Seconds time) {
  for (const auto& replica : replicas_) replica->scheduler.excuse(time);
}

RequestCounts LoadBalancer::counts() const {
  RequestCounts all;
  for (const auto& replica : replicas_) all += replica->scheduler.counts();
  return all;
}

}  // namespace widepipe::schedule
