#include "rl/emulated_fleet.h"

#include <algorithm>
#include <cmath>
#include <limits>
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
    Device& made = devices_.emplace_back();
    made.running = npu_model::RunningSet(device.speed);
    made.usual_speed = device.speed;
    made.cores = made.free_cores = device.cores;
  }
}

EmulatedFleet::Instance EmulatedFleet::instance_of(schedule::InstanceId id,
                                                   const schedule::InstanceSpec& spec) const {
  return {id, cluster_.models[spec.model].costs->instance_bytes(spec.max_batch)};
}

void EmulatedFleet::equip(DeviceId device, schedule::InstanceId instance,
                          const schedule::InstanceSpec& spec) {
  devices_[device].instances.push_back(instance_of(instance, spec));
}

void EmulatedFleet::accept(const Order& order, Seconds now) {
  Device& device = devices_[order.device];
  if (device.is(Trouble::kGone)) return;
  switch (order.kind) {
    case Order::Kind::kRun:
      if (!start(order.device, order, now)) device.waiting.push_back(order);
      break;
    case Order::Kind::kLoad: {
      const auto network = static_cast<std::size_t>(network_of_model_[order.spec.model]);
      const Load load{now + load_seconds(profile_.device, profile_.networks[network]), now,
                      instance_of(order.instance, order.spec)};
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
  // An instance that was given up while a batch waited for it: the batch fails.
  const bool there = instance != device.instances.end();
  const schedule::NetworkCosts& costs = *cluster_.models[order.spec.model].costs;
  const int cores = there ? costs.core_choices()[order.spec.choice] : 0;
  if (cores > device.free_cores || (there && instance->busy)) return false;
  if (there) instance->busy = true;
  device.take_cores(cores, now);
  if (device.free_slots.empty()) {
    device.free_slots.push_back(static_cast<std::uint32_t>(device.slots.size()));
    device.slots.emplace_back();
  }
  const std::uint32_t key = device.free_slots.back();
  device.free_slots.pop_back();
  const bool fails = !there || device.is(Trouble::kFails);
  device.slots[key] = {order.batch, order.instance, cores, now, fails};
  if (fails) {
    device.running.start({key, 0, profile_.device.launch}, now);
    return true;
  }
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

Seconds EmulatedFleet::Device::next_load() const {
  return loads.empty() || is(Trouble::kHangs) ? std::numeric_limits<Seconds>::infinity()
                                              : loads.front().until;
}

void EmulatedFleet::schedule_next(DeviceId id) {
  const Device& device = devices_[id];
  heap_.set(id, std::min(device.running.next_end(), device.next_load()));
}

EmulatedFleet::News EmulatedFleet::take_next(Seconds now) {
  const DeviceId id = heap_.next();
  Device& device = devices_[id];
  if (device.next_load() <= device.running.next_end()) {
    const Load load = device.loads.front();
    device.loads.erase(device.loads.begin());
    device.instances.push_back(load.instance);
    schedule_next(id);
    return {.kind = News::Kind::kLoaded,
            .device = id,
            .instance = load.instance.id,
            .busy = now - load.since};
  }
  const std::uint32_t key = device.running.finish(now);
  const Slot slot = device.slots[key];
  device.free_slots.push_back(key);
  device.take_cores(-slot.cores, now);
  for (Instance& instance : device.instances) {
    if (instance.id == slot.instance) instance.busy = false;
  }
  if (!device.waiting.empty()) start_waiting(id, now);
  schedule_next(id);
  return {.kind = slot.fails ? News::Kind::kFailed : News::Kind::kDone,
          .wrong = device.is(Trouble::kWrong),
          .device = id,
          .batch = slot.batch,
          .instance = slot.instance,
          .busy = now - slot.since};
}

void EmulatedFleet::change(const npu_model::DeviceChange& change, Seconds now) {
  const auto id = static_cast<DeviceId>(change.device);
  Device& device = devices_[id];
  if (change.speed > 0) {
    device.trouble.reset();
    device.usual_speed = change.speed;
  } else {
    device.trouble = change.trouble;
  }
  if (device.is(Trouble::kGone)) forget(device, now);
  const bool still = device.is(Trouble::kGone) || device.is(Trouble::kHangs);
  device.running.set_speed(still ? 0 : device.usual_speed, now);
  for (Load& load : device.loads) load.until = std::max(load.until, now);
  schedule_next(id);
}

void EmulatedFleet::forget(Device& device, Seconds now) {
  for (const std::uint32_t key : device.running.abandon(now)) {
    device.free_slots.push_back(key);
    device.take_cores(-device.slots[key].cores, now);
  }
  for (Instance& instance : device.instances) instance.busy = false;
  // Models that were being loaded are there when it works again.
  for (const Load& load : device.loads) device.instances.push_back(load.instance);
  device.waiting.clear();
  device.loads.clear();
}

void EmulatedFleet::Device::take_cores(int count, Seconds now) {
  core_seconds = core_seconds_until(now);
  at = now;
  free_cores -= count;
}

EmulatedFleet::Use EmulatedFleet::use_of(DeviceId id, Seconds now) const {
  const Device& device = devices_[id];
  Use use{.core_seconds = device.core_seconds_until(now),
          .bandwidth_seconds = device.running.bandwidth_seconds(now)};
  for (const Instance& instance : device.instances) use.memory += instance.bytes;
  for (const Load& load : device.loads) use.memory += load.instance.bytes;
  return use;
}

EmulatedFleet::Use EmulatedFleet::use(Seconds now) const {
  Use all;
  for (DeviceId id = 0; id < devices_.size(); ++id) {
    const Use one = use_of(id, now);
    all.core_seconds += one.core_seconds;
    all.bandwidth_seconds += one.bandwidth_seconds;
    all.memory += one.memory;
  }
  return all;
}

}  // namespace widepipe::rl
