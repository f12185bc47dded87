#include "rl/emulated_fleet.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "npu_model/equations.h"

namespace widepipe::rl {

using schedule::DeviceId;
using schedule::Order;

EmulatedFleet::EmulatedFleet(const npu_model::Profile& profile, const npu_model::Fleet& fleet,
                             const schedule::Cluster& cluster, std::vector<int> network_of_model,
                             std::uint64_t seed)
    : profile_(profile),
      cluster_(cluster),
      network_of_model_(std::move(network_of_model)),
      heap_(fleet.devices.size()),
      random_(seed) {
  for (const npu_model::FleetDevice& device : fleet.devices) {
    devices_.push_back({npu_model::RunningSet(device.speed), device.cores, {}, {}, {}, {}, {}});
  }
}

void EmulatedFleet::equip(DeviceId device, schedule::InstanceId instance) {
  devices_[device].instances.push_back({instance, false});
}

void EmulatedFleet::accept(const Order& order, Seconds now) {
  Device& device = devices_[order.device];
  if (device.running.speed() <= 0) return;
  switch (order.kind) {
    case Order::Kind::kRun:
      if (!start(order.device, order, now)) device.waiting.push_back(order);
      break;
    case Order::Kind::kLoad: {
      const auto network = static_cast<std::size_t>(network_of_model_[order.spec.model]);
      const Load load{now + load_seconds(profile_.device, profile_.networks[network]),
                      order.instance};
      const auto place =
          std::upper_bound(device.loads.begin(), device.loads.end(), load,
                           [](const Load& a, const Load& b) { return a.until < b.until; });
      device.loads.insert(place, load);
      break;
    }
    case Order::Kind::kUnload:
      std::erase_if(device.instances,
                    [&](const Instance& instance) { return instance.id == order.instance; });
      break;
  }
  schedule_next(order.device);
}

bool EmulatedFleet::start(DeviceId id, const Order& order, Seconds now) {
  Device& device = devices_[id];
  const auto instance = std::find_if(device.instances.begin(), device.instances.end(),
                                     [&](const Instance& one) { return one.id == order.instance; });
  if (instance == device.instances.end()) throw std::logic_error("no such instance");
  const schedule::NetworkCosts& costs = *cluster_.models[order.spec.model].costs;
  const int cores = costs.core_choices()[order.spec.choice];
  if (instance->busy || cores > device.free_cores) return false;
  instance->busy = true;
  device.free_cores -= cores;
  cores_change(cores, now);
  if (device.free_slots.empty()) {
    device.free_slots.push_back(static_cast<std::uint32_t>(device.slots.size()));
    device.slots.emplace_back();
  }
  const std::uint32_t key = device.free_slots.back();
  device.free_slots.pop_back();
  device.slots[key] = {order.batch, order.instance, cores, now};
  const schedule::NetworkCosts::Cell& cell = costs.at(order.spec.choice, order.size);
  constexpr double kUnit = 0x1p-53;
  const double uniform = static_cast<double>(random_() >> 11) * kUnit;
  const double jitter = 1 - profile_.device.jitter * std::log1p(-uniform);
  device.running.start({key, cell.demand, cell.solo * jitter}, now);
  return true;
}

void EmulatedFleet::start_waiting(DeviceId id, Seconds now) {
  std::deque<Order>& waiting = devices_[id].waiting;
  for (auto order = waiting.begin(); order != waiting.end();) {
    order = start(id, *order, now) ? waiting.erase(order) : order + 1;
  }
}

void EmulatedFleet::schedule_next(DeviceId id) {
  const Device& device = devices_[id];
  Seconds next = device.running.next_end();
  if (!device.loads.empty()) next = std::min(next, device.loads.front().until);
  heap_.set(id, next);
}

EmulatedFleet::News EmulatedFleet::take_next(Seconds now) {
  const DeviceId id = heap_.next();
  Device& device = devices_[id];
  if (!device.loads.empty() && device.loads.front().until <= device.running.next_end()) {
    const schedule::InstanceId instance = device.loads.front().instance;
    device.loads.erase(device.loads.begin());
    device.instances.push_back({instance, false});
    schedule_next(id);
    return {News::Kind::kLoaded, id, 0, instance, 0};
  }
  const std::uint32_t key = device.running.finish(now);
  const Slot slot = device.slots[key];
  device.free_slots.push_back(key);
  device.free_cores += slot.cores;
  cores_change(-slot.cores, now);
  for (Instance& instance : device.instances) {
    if (instance.id == slot.instance) instance.busy = false;
  }
  if (!device.waiting.empty()) start_waiting(id, now);
  schedule_next(id);
  return {News::Kind::kDone, id, slot.batch, slot.instance, now - slot.since};
}

void EmulatedFleet::set_speed(DeviceId id, double speed, Seconds now) {
  Device& device = devices_[id];
  if (speed <= 0) {
    for (const std::uint32_t key : device.running.abandon(now)) {
      device.free_slots.push_back(key);
      device.free_cores += device.slots[key].cores;
      cores_change(-device.slots[key].cores, now);
    }
    for (Instance& instance : device.instances) instance.busy = false;
    // Models that were being loaded are there when it works again.
    for (const Load& load : device.loads) device.instances.push_back({load.instance, false});
    device.waiting.clear();
    device.loads.clear();
  }
  device.running.set_speed(speed, now);
  schedule_next(id);
}

void EmulatedFleet::cores_change(int change, Seconds now) {
  busy_core_seconds_ += busy_cores_ * (now - at_);
  at_ = now;
  busy_cores_ += change;
}

Seconds EmulatedFleet::bandwidth_seconds() const {
  Seconds all = 0;
  for (const Device& device : devices_) all += device.running.bandwidth_seconds();
  return all;
}

double EmulatedFleet::busy_core_seconds(Seconds now) {
  cores_change(0, now);
  return busy_core_seconds_;
}

}  // namespace widepipe::rl
