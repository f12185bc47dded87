#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <vector>

#include "core/time_heap.h"
#include "npu_model/fleet.h"
#include "npu_model/running_set.h"
#include "schedule/request_types.h"

namespace widepipe::rl {

using npu_model::Seconds;

/// The devices of a simulation, as they really are. Orders that find an instance busy, or its
/// cores, wait. A device that fails forgets what it had to do and says nothing.
class EmulatedFleet {
 public:
  EmulatedFleet(const npu_model::Profile& profile, const npu_model::Fleet& fleet,
                const schedule::Cluster& cluster, std::vector<int> network_of_model,
                std::uint64_t seed);

  /// At the start, without an order.
  void equip(schedule::DeviceId device, schedule::InstanceId instance);
  void accept(const schedule::Order& order, Seconds now);
  void set_speed(schedule::DeviceId device, double speed, Seconds now);

  double speed(schedule::DeviceId device) const { return devices_[device].running.speed(); }

  /// A batch is done, or an instance is loaded.
  struct News {
    enum class Kind { kDone, kLoaded } kind = Kind::kDone;
    schedule::DeviceId device = 0;
    schedule::BatchId batch = 0;
    schedule::InstanceId instance = 0;
    Seconds busy = 0;  ///< on the batch
  };
  /// When the next news is due; infinity if none is.
  Seconds next_time() const { return heap_.next_time(); }
  /// The news of that time.
  News take_next(Seconds now);

  double busy_core_seconds(Seconds now);
  /// Of all devices: how long the whole bandwidth of one would have been in use. Until the last
  /// change on each.
  Seconds bandwidth_seconds() const;

 private:
  struct Slot {
    schedule::BatchId batch = 0;
    schedule::InstanceId instance = 0;
    int cores = 0;
    Seconds since = 0;
  };
  struct Instance {
    schedule::InstanceId id = 0;
    bool busy = false;
  };
  struct Load {
    Seconds until = 0;
    schedule::InstanceId instance = 0;
  };
  struct Device {
    npu_model::RunningSet running;
    int free_cores = 0;
    std::vector<Instance> instances;
    std::vector<Slot> slots;  ///< by the running set's keys
    std::vector<std::uint32_t> free_slots;
    std::deque<schedule::Order> waiting;
    std::vector<Load> loads;  ///< in the order of their ends
  };

  bool start(schedule::DeviceId id, const schedule::Order& order, Seconds now);
  void start_waiting(schedule::DeviceId id, Seconds now);
  void schedule_next(schedule::DeviceId id);
  void cores_change(int change, Seconds now);

  const npu_model::Profile& profile_;
  const schedule::Cluster& cluster_;
  const std::vector<int> network_of_model_;
  std::vector<Device> devices_;
  TimeHeap heap_;
  std::mt19937_64 random_;
  int busy_cores_ = 0;
  double busy_core_seconds_ = 0;
  Seconds at_ = 0;
};

}  // namespace widepipe::rl
