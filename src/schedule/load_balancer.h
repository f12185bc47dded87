#pragma once
// What model servers behind a balancer do: a request is bound to a device as it arrives, not when
// a batch of it leaves.

#include <memory>
#include <vector>

#include "core/time_heap.h"
#include "schedule/request_scheduler.h"

namespace widepipe::schedule {

/// A RequestScheduler for each device, with queues of its own, behind a balancer: a request goes
/// to the device that has least outstanding of all streams, waiting or out. A device that is
/// ejected gets a single request whenever it may show that it works; what waits there goes to
/// others.
class LoadBalancer final : public RequestDispatcher {
 public:
  /// `make` gives each device its policy. `events` outlives this.
  LoadBalancer(const Cluster& cluster, const PolicyMaker& make, RequestEvents& events,
               const RequestSettings& settings = {});
  ~LoadBalancer() override;

  bool add(StreamId stream, const Request& request, Seconds now) override;
  void dispatch(Seconds now, std::vector<Order>& orders) override;
  void complete(BatchId batch, bool done, Seconds busy, Seconds now,
                std::vector<Order>& orders) override;
  std::span<const Request> requests_of(BatchId batch) const override;
  void loaded(DeviceId device, InstanceId instance, Seconds now,
              std::vector<Order>& orders) override;
  Seconds next_time() const override { return next_.next_time(); }
  void drain() override;
  bool drained() const override { return outstanding_ == 0; }
  void drop_all(Seconds now) override;
  void tell_speed(DeviceId device, double speed, Seconds now, std::vector<Order>& orders) override;
  void excuse(Seconds time) override;
  RequestCounts counts() const override;
  const ServingState& device(DeviceId device) const override;

 private:
  class Replica;

  bool probe_due(DeviceId device, Seconds now) const;
  DeviceId least_outstanding(ModelId model, Seconds now);
  void settle(DeviceId device, std::size_t first_order, Seconds now, std::vector<Order>& orders);

  std::vector<ModelId> models_;                     ///< by stream
  std::vector<std::unique_ptr<Replica>> replicas_;  ///< by device
  TimeHeap next_;                                   ///< when each asks for dispatch()
  std::vector<DeviceId> due_;
  std::size_t outstanding_ = 0;
  DeviceId turn_ = 0;  ///< where the search begins, so that ties take turns
};

}  // namespace widepipe::schedule
