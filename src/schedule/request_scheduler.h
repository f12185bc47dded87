#pragma once
// Requests to batches on devices, under deadlines. Never calls MPI and never reads a clock: the
// same object runs live, in a simulator and in unit tests.

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <queue>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "schedule/device_index.h"
#include "schedule/request_dispatcher.h"
#include "schedule/request_policy.h"
#include "schedule/request_queue.h"
#include "schedule/request_types.h"
#include "schedule/serving_device.h"

namespace widepipe::schedule {

struct RequestSettings {
  Seconds plan_period = kUsualPlanPeriod;  ///< or sooner, if the policy says so (ServingPlan)
  /// Devices are looked at so often: for batches that do not come back.
  Seconds check_period = 0.002;
  /// A batch that is out, or an instance that is loading, for so many times as long as expected,
  /// and this much longer, has its device ejected. Where batches of ejected devices come back, they
  /// were on their way: from then on so much longer, at most first_probe.
  double patience = 4;
  Seconds patience_floor = 0.01;
  /// After so long an ejected device gets one batch to show that it works; then twice as long.
  Seconds first_probe = 0.25;
  Seconds longest_probe = 1;
  /// The weight of a new timing in a device's estimated speed.
  double speed_weight = 0.1;
  /// A choice that misses a deadline which another would meet is replaced by that; else only
  /// counted.
  bool guard_deadlines = true;
  /// Admission: a request is dropped as it comes if already so many wait in its stream as all
  /// devices together, with nothing else to do, could answer in so many times its SLO.
  double most_waiting = 2;
  bool estimate_speeds = true;  ///< false: they are as told (tell_speed)
  /// Where orders and news take time: an instance gets its next order when its batch should be
  /// done, had it begun when it was ordered, and so finds that order when it really is done. At
  /// most one batch waits there for another.
  bool order_ahead = false;
  /// A request is dropped when so many of its batches have failed: it may be to blame itself.
  int most_failures = 5;
};

/// One queue a stream for all devices: a request is bound to a device when its batch leaves.
class RequestScheduler final : public RequestDispatcher {
 public:
  /// The first plan's instances are there at once. `events` outlives this.
  RequestScheduler(Cluster cluster, std::unique_ptr<RequestPolicy> policy, RequestEvents& events,
                   RequestSettings settings = {});

  bool add(StreamId stream, const Request& request, Seconds now) override;
  void dispatch(Seconds now, std::vector<Order>& orders) override;
  void complete(BatchId batch, bool done, Seconds busy, Seconds now,
                std::vector<Order>& orders) override;
  std::span<const Request> requests_of(BatchId batch) const override;
  void loaded(DeviceId device, InstanceId instance, Seconds now,
              std::vector<Order>& orders) override;
  Seconds next_time() const override;
  void drain() override { draining_ = true; }
  bool drained() const override { return waiting_ == 0 && out_ == 0; }
  void drop_all(Seconds now) override;
  void tell_speed(DeviceId device, double speed, Seconds now, std::vector<Order>& orders) override;
  void excuse(Seconds time) override;
  RequestCounts counts() const override;
  const ServingState& device(DeviceId device) const override { return devices_.at(device); }

  const Cluster& cluster() const { return cluster_; }
  std::size_t waiting() const { return waiting_; }
  /// Gives back what waits, as if it had not come: by stream, the oldest first.
  std::vector<std::pair<StreamId, Request>> take_waiting();

 private:
  struct Stream {
    RequestQueue queue;
    StreamRule rule;
    Seconds slo = 0;
    ModelId model = 0;
    const NetworkCosts* costs = nullptr;
    std::size_t most_waiting = 0;
    std::size_t rows = 0;       ///< as in RequestStream
    Seconds price = 0;          ///< of a device, for a request, at least; infinity if it can wait
    Seconds quickest = 0;       ///< a request alone on the fastest instance of the plan
    double enough_resting = 0;  ///< devices, by the rule's share
    Seconds due_at = 0;         ///< when the first has waited as long as the rule says
    bool blocked = false;       ///< due, and no device can take it: one that changes may
    bool scarce = false;        ///< so it was when it last was looked for, and it is due ever since
    std::uint64_t declined = 0;  ///< the last visit to a device in which the policy did
    std::uint64_t expired = 0;   ///< dropped by prune()
    std::uint64_t shortage = 0;  ///< how often it has become scarce
    std::int64_t arrived = 0;    ///< since the last plan, as are the next two
    std::int64_t in_time = 0;
    std::int64_t missed = 0;
    double took = 0;  ///< likewise, of StreamState
    std::int64_t timed = 0;
    double ended_of_late = 0;  ///< as of the last plan
    double missed_of_late = 0;
    bool gives_way = false;
    double rate = 0;
  };
  // A batch's number has its place in its low bits, and is used once.
  static constexpr std::uint64_t kPlaceBits = 24;
  static constexpr std::uint64_t kPlaceMask = (std::uint64_t{1} << kPlaceBits) - 1;

  /// Lower ones come first: those that give way by their price, after all others; then the stream
  /// whose first request must leave soonest; without deadlines, the one with most of its rows left.
  using Turn = std::tuple<Seconds, Seconds, double>;

  /// A batch that is out, in a place of its own while it is.
  struct Running {
    BatchId batch = 0;  ///< 0: the place is free
    bool lost = false;  ///< its device was ejected; its requests are elsewhere
    StreamId stream = 0;
    DeviceId device = 0;
    InstanceId instance = 0;
    NetworkCosts::Cell cell;
    double work_before = 0;  ///< of the device when it began
    Seconds since = 0;
    Seconds expected = 0;   ///< it takes
    Seconds free_at = 0;    ///< when its instance gets the next order, if it is ordered ahead
    bool released = false;  ///< that time has come: the instance counts as free
    bool behind = false;    ///< it was ordered before the one in front of it had come back
    std::vector<Request> requests;
  };

  /// By when a device must be done with the first request.
  Seconds deadline(const Stream& stream) const {
    return stream.queue.front().arrival + stream.slo - travel_;
  }
  bool due(const Stream& stream, Seconds now) const;
  /// Due or not: enough devices have nothing to do.
  bool eager(const Stream& stream) const { return eager(stream, resting_.size()); }
  bool eager(const Stream& stream, std::size_t resting) const {
    return static_cast<double>(resting) > stream.enough_resting && !stream.queue.empty();
  }
  Seconds least_cost(const RequestStream& stream) const;
  std::size_t most_waiting(const RequestStream& stream, Seconds cost) const;
  void choose_who_gives_way(Seconds period);
  void head_changed(Stream& stream) const;
  void prune(StreamId id, Seconds now);
  void drop_first(StreamId id, Seconds now);
  void take_turn(StreamId id, Seconds now);
  bool serve_stream(StreamId id, Seconds now, std::vector<Order>& orders);
  bool send_to_best(StreamId id, bool any, Seconds now, std::vector<Order>& orders);
  void serve_device(DeviceId id, Seconds now, std::vector<Order>& orders);
  /// Null if it is not out.
  const Running* find(BatchId batch) const {
    const std::size_t place = batch & kPlaceMask;
    return place < running_.size() && running_[place].batch == batch ? &running_[place] : nullptr;
  }
  Turn turn_of(const Stream& stream) const;
  std::optional<StreamId> most_urgent(DeviceId device_id) const;
  bool offer(StreamId stream, DeviceId device, Seconds now, std::vector<Order>& orders);
  std::optional<Choice> guarded(const Offer& offer, std::optional<Choice> choice);
  void send(const Offer& offer, const Choice& choice, std::vector<Order>& orders);
  void refresh(DeviceId device);
  void check_devices(Seconds now, std::vector<Order>& orders);
  void eject(DeviceId device, Seconds now);
  void readmit(DeviceId device, Seconds now, std::vector<Order>& orders);
  void expect(Running& running, Seconds free_at);
  void release_due(Seconds now, std::vector<Order>& orders);
  void take_back(Running& running, Seconds now);
  void count_failure(Running& running, Seconds now);
  void forget_failures(const Request& request) {
    if (!failures_.empty()) failures_.erase(request.id);
  }
  void free_place(Running& running);
  Seconds plan_period() const;
  void replan(Seconds now, std::vector<Order>* orders);
  void accept_plan();
  void reconcile(DeviceId device, Seconds now, std::vector<Order>& orders);

  const Cluster cluster_;
  std::unique_ptr<RequestPolicy> policy_;
  RequestEvents& events_;
  const RequestSettings settings_;
  std::vector<Stream> streams_;
  std::vector<std::vector<StreamId>> streams_of_;  ///< by model
  std::vector<ServingState> devices_;
  std::vector<DeviceIndex> able_;  ///< by model: devices that could run a batch of it now
  DeviceIndex resting_;            ///< devices that work, and have nothing to do
  std::vector<Running> running_;
  std::vector<std::uint32_t> free_places_;
  /// When batches should be done, some of which are over.
  std::priority_queue<std::pair<Seconds, BatchId>, std::vector<std::pair<Seconds, BatchId>>,
                      std::greater<>>
      expected_;
  std::unordered_map<RequestId, int> failures_;   ///< of requests whose batches have failed
  std::vector<std::pair<Turn, StreamId>> turns_;  ///< a heap, while dispatch() goes on
  std::vector<int> idle_;                         ///< of the offer that is being made
  ServingPlan plan_;
  RequestCounts counts_;
  std::uint64_t next_batch_ = 1;
  double stretch_ = 1;       ///< of batches, of late: their time as a multiple of that alone
  Seconds travel_ = 0;       ///< of batches, of late: orders and answers on their way, and waiting
  bool travelled_ = false;   ///< one has come back
  double unsteady_ = 0;      ///< of batches, of late: how far off their times were, as a share
  double usual_demand_ = 0;  ///< beside batches, of late, while they ran
  bool worked_ = false;      ///< it is known
  Seconds patience_ = 0;     ///< beside multiples of what is expected
  std::uint64_t visit_ = 0;  ///< to a device that has room again
  std::size_t waiting_ = 0;
  std::size_t out_ = 0;
  Seconds next_check_ = 0;
  Seconds next_plan_ = 0;
  Seconds last_plan_ = 0;
  bool draining_ = false;
};

}  // namespace widepipe::schedule
