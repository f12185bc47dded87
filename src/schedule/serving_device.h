#pragma once

#include <span>
#include <vector>

#include "schedule/request_types.h"

namespace widepipe::schedule {

/// What a scheduler knows of one device that serves requests: its instances, its free cores, and
/// how fast it seems to be. It is told of nothing but its own orders and what came of them.
class ServingState {
 public:
  struct Instance {
    InstanceId id = 0;
    InstanceSpec spec;
    int cores = 0;
    double bytes = 0;
    enum class State { kLoading, kIdle, kBusy } state = State::kLoading;
    bool wanted = true;  ///< by the plan
    Seconds since = 0;   ///< when it was ordered
    int out = 0;         ///< batches: one, or one more that waits for it
    BatchId last = 0;    ///< the one that was ordered last
  };

  ServingState(const ServingDevice& spec, const Cluster& cluster);

  std::span<const Instance> instances() const { return instances_; }
  Instance& instance(InstanceId id);
  /// False if it is not being loaded any more.
  bool loaded(InstanceId id);
  double demand() const { return demand_; }
  double speed() const { return speed_; }
  /// Nothing runs on it.
  bool resting() const { return batches_ == 0; }
  bool fits(const Instance& instance) const {
    return instance.state == Instance::State::kIdle && instance.cores <= free_cores_;
  }

  /// From here on it has instances of the plan's, at once.
  void equip(std::span<const InstanceSpec> wanted);
  /// Moves towards the plan: orders for what has to be loaded and unloaded now. New instances come
  /// before old ones go, where memory allows it; then, old ones that are idle go first.
  void reconcile(DeviceId id, std::span<const InstanceSpec> wanted, Seconds now,
                 std::vector<Order>& orders);
  /// An instance has been loading for `patience` times as long as it takes, and `more`.
  bool load_is_late(Seconds now, double patience, Seconds more) const;
  void excuse(Seconds time) {
    for (Instance& instance : instances_) instance.since += time;
  }
  /// There is more to load or unload.
  bool unsettled() const { return unsettled_; }

  /// A batch is ordered, on an instance that is free; then the instance is free again, or will be
  /// when another order comes; then the batch is over.
  void begin(Instance& instance, BatchId batch, const NetworkCosts::Cell& cell, Seconds now);
  void release(InstanceId id, const NetworkCosts::Cell& cell, Seconds now);
  void end(InstanceId id);

  /// Whatever ran on it, or was being loaded, is not any more.
  void clear(Seconds now);

  /// The work, in seconds solo at speed 1, that a batch which ran all the time should have had done
  /// by now, if the estimated speed is right: differences count.
  double work(Seconds now);
  /// A batch took `expected` of that work, and was `actual`.
  void learn_speed(double actual, double expected, double weight);
  void set_speed(double speed, Seconds now);

  // Ejection.
  bool ejected = false;
  Seconds probe_at = 0;     ///< while it is: when it gets a batch
  Seconds probe_pause = 0;  ///< before the next one
  bool probing = false;     ///< a batch is out, to see
  bool failed = false;      ///< a batch did: only such a batch can show that it works

 private:
  double bytes_of(const InstanceSpec& spec) const;
  Instance make(const InstanceSpec& spec);
  void set_rate();

  const Cluster* cluster_;
  int cores_;
  double memory_;
  double used_ = 0;
  int free_cores_;
  double demand_ = 0;
  double speed_ = 1;
  double rate_ = 1;
  double work_ = 0;
  Seconds at_ = 0;
  int batches_ = 0;
  bool unsettled_ = false;
  InstanceId next_ = 1;
  std::vector<Instance> instances_;
};

}  // namespace widepipe::schedule
