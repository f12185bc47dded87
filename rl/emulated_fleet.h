#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "core/time_heap.h"
#include "npu_model/fleet.h"
#include "npu_model/running_set.h"
#include "schedule/request_types.h"

namespace widepipe::rl {

using npu_model::Seconds;

/// The devices of a simulation, as they really are. Orders that find an instance busy, or its
/// cores, wait. A device that is gone forgets what it had to do and says nothing.
class EmulatedFleet {
 public:
  EmulatedFleet(const npu_model::Profile& profile, const npu_model::Fleet& fleet,
                const schedule::Cluster& cluster, std::vector<int> network_of_model,
                std::uint64_t seed);

  /// At the start, without an order.
  void equip(schedule::DeviceId device, schedule::InstanceId instance,
             const schedule::InstanceSpec& spec);
  void accept(const schedule::Order& order, Seconds now);
  void change(const npu_model::DeviceChange& change, Seconds now);

  bool gone(schedule::DeviceId device) const { return devices_[device].is(Trouble::kGone); }

  /// A batch is done, or has failed, or an instance is loaded.
  struct News {
    enum class Kind { kDone, kFailed, kLoaded } kind = Kind::kDone;
    bool wrong = false;  ///< kDone: with wrong answers
    schedule::DeviceId device = 0;
    schedule::BatchId batch = 0;
    schedule::InstanceId instance = 0;
    Seconds busy = 0;  ///< on it
  };
  /// When the next news is due; infinity if none is.
  Seconds next_time() const { return heap_.next_time(); }
  /// The news of that time.
  News take_next(Seconds now);

  /// What a device did until now, and has.
  struct Use {
    double core_seconds = 0;        ///< cores that were busy, times how long
    Seconds bandwidth_seconds = 0;  ///< how long all of its bandwidth would have been in use
    double memory = 0;              ///< bytes that its instances hold
  };
  Use use_of(schedule::DeviceId device, Seconds now) const;
  /// Of all devices together.
  Use use(Seconds now) const;

 private:
  using Trouble = npu_model::Trouble;
  struct Slot {
    schedule::BatchId batch = 0;
    schedule::InstanceId instance = 0;
    int cores = 0;
    Seconds since = 0;
    bool fails = false;
  };
  struct Instance {
    schedule::InstanceId id = 0;
    double bytes = 0;
    bool busy = false;
  };
  struct Load {
    Seconds until = 0;
    Seconds since = 0;
    Instance instance;
  };
  struct Device {
    npu_model::RunningSet running;
    double usual_speed = 1;  ///< while it works
    int cores = 0;
    int free_cores = 0;
    double core_seconds = 0;  ///< busy, until the next line
    Seconds at = 0;
    std::vector<Instance> instances;
    std::vector<Slot> slots;  ///< by the running set's keys
    std::vector<std::uint32_t> free_slots;
    std::deque<schedule::Order> waiting;
    std::vector<Load> loads;         ///< in the order of their ends
    std::optional<Trouble> trouble;  ///< none: it works

    bool is(Trouble what) const { return trouble == what; }
    void take_cores(int count, Seconds now);
    double core_seconds_until(Seconds now) const {
      return core_seconds + (cores - free_cores) * (now - at);
    }
    /// When the first load ends; never while it hangs.
    Seconds next_load() const;
  };

  bool start(schedule::DeviceId id, const schedule::Order& order, Seconds now);
  void start_waiting(schedule::DeviceId id, Seconds now);
  static void forget(Device& device, Seconds now);
  Instance instance_of(schedule::InstanceId id, const schedule::InstanceSpec& spec) const;
  void schedule_next(schedule::DeviceId id);

  const npu_model::Profile& profile_;
  const schedule::Cluster& cluster_;
  const std::vector<int> network_of_model_;
  std::vector<Device> devices_;
  TimeHeap heap_;
  std::mt19937_64 random_;
};

}  // namespace widepipe::rl
