#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "schedule/request_types.h"
#include "schedule/serving_device.h"

namespace widepipe::schedule {

/// Why and with what knowledge a batch was closed.
struct ClosedBatch {
  Seconds at = 0;
  BatchId batch = 0;
  StreamId stream = 0;
  DeviceId device = 0;
  int cores = 0;
  int size = 0;
  CloseReason reason = CloseReason::kFull;
  std::size_t waiting = 0;  ///< in the stream, with these
  Seconds head_slack = 0;   ///< until the first one's deadline
  Seconds expected = 0;     ///< until the batch is done
  double speed = 1;         ///< of the device, estimated
  double demand = 0;        ///< of bandwidth there, without this batch
};

/// Learns what becomes of requests. Called within a dispatcher's calls; must not call it.
class RequestEvents {
 public:
  virtual ~RequestEvents() = default;
  /// In time or late: the caller knows the SLO.
  virtual void answered(StreamId stream, const Request& request, Seconds now) = 0;
  /// Its deadline could not be met any more, or others were worth more.
  virtual void dropped(StreamId stream, const Request& request, Seconds now) = 0;
  virtual void closed(const ClosedBatch& batch) = 0;
  virtual void ejected(DeviceId device, Seconds now) = 0;
  virtual void readmitted(DeviceId device, Seconds now) = 0;
};

/// What happened to actions.
struct RequestCounts {
  std::int64_t batches = 0;
  std::int64_t vetoed = 0;    ///< choices that no device could have carried out
  std::int64_t replaced = 0;  ///< choices that would have missed a deadline that others meet
  std::int64_t given_up = 0;  ///< requests that were dropped so that others gain
  std::int64_t refused = 0;   ///< requests that were dropped as they came
  std::int64_t ejections = 0;
  std::int64_t readmissions = 0;
  std::int64_t loads = 0;             ///< of instances, after the start
  std::int64_t dispatched_again = 0;  ///< requests of devices that were ejected
  std::int64_t found_free = 0;        ///< batches that came back, and had waited for no other
  Seconds travelled = 0;              ///< of these: from order to answer, but for the work on them
  Seconds worked = 0;                 ///< of devices, on all that came back
  Seconds alone = 0;                  ///< what these take by the tables
  std::int64_t comparisons = 0;       ///< as of PolicyCounts, as are the next three
  std::int64_t fallbacks = 0;
  Seconds fallback_seconds = 0;
  std::int64_t policy_steps = 0;

  RequestCounts& operator+=(const RequestCounts& other);
};

/// Requests to batches on devices, as those drive it who have the clock and the devices: a
/// simulator, or the rounds of rank 0. Never calls MPI and never reads a clock. Not thread-safe.
/// Times do not go back. Each request ends once: answered or dropped.
class RequestDispatcher {
 public:
  virtual ~RequestDispatcher() = default;

  /// Now a request waits, or is dropped at once. True if dispatch() may have something to do.
  virtual bool add(StreamId stream, const Request& request, Seconds now) = 0;
  /// What devices are to do now; appended.
  virtual void dispatch(Seconds now, std::vector<Order>& orders) = 0;
  /// A batch came back, computed or not; its device, which worked on it for `busy`, has room for
  /// more.
  virtual void complete(BatchId batch, bool done, Seconds busy, Seconds now,
                        std::vector<Order>& orders) = 0;
  /// What a batch that is out was made of, in order; nothing if its requests are elsewhere by now.
  /// Valid until the next call.
  virtual std::span<const Request> requests_of(BatchId batch) const = 0;
  /// An instance can run batches from now on.
  virtual void loaded(DeviceId device, InstanceId instance, Seconds now,
                      std::vector<Order>& orders) = 0;
  /// When dispatch() should be called even if nothing happens until then; in the past if at once.
  virtual Seconds next_time() const = 0;

  /// No more requests will come: batches close without waiting for more.
  virtual void drain() = 0;
  /// Nothing waits and nothing is out.
  virtual bool drained() const = 0;
  /// Gives up what waits: it is dropped.
  virtual void drop_all(Seconds now) = 0;

  /// With RequestSettings::estimate_speeds off: what the device's speed is, 0 if it does not work.
  virtual void tell_speed(DeviceId device, double speed, Seconds now,
                          std::vector<Order>& orders) = 0;

  /// So much of the time that has passed does not count for what devices have to do.
  virtual void excuse(Seconds time) = 0;

  virtual RequestCounts counts() const = 0;
  virtual const ServingState& device(DeviceId device) const = 0;
};

}  // namespace widepipe::schedule
