#pragma once
// Those who decide how requests are served: a plan now and then, and a choice for every batch. A
// policy is two files and one line in request_policies.cc.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "schedule/request_queue.h"
#include "schedule/request_types.h"

namespace widepipe::schedule {

/// Policies plan so often, unless they want it otherwise.
inline constexpr Seconds kUsualPlanPeriod = 0.25;

/// When a stream's requests are worth a batch. Read at every arrival.
struct StreamRule {
  int full = 1;      ///< as soon as so many wait
  Seconds hold = 0;  ///< or as soon as the first of them has waited so long
  /// Or as soon as more than this share of all devices have nothing to do; on one of them.
  double idle_share = 1;
  Seconds lead = 0;  ///< its turn comes as if its deadlines were so much sooner
  /// Of devices with room it takes the one with the largest rate of progress there, less so many
  /// times the device's speed. 0: where it gets on fastest. From 1 on slow devices come first, and
  /// before that idle slow ones before busy fast ones: for what takes bandwidth, which they have
  /// as well. Less than 0: fast ones, even if they are busy.
  double slow = 0;
};

/// What is known of a stream.
struct StreamState {
  double arrivals_per_second = 0;  ///< of late; 0 before anything is known
  std::size_t waiting = 0;   ///< of a data set: its rows that are left, from the first plan on
  std::int64_t arrived = 0;  ///< since the last plan
  std::int64_t in_time = 0;  ///< answered so since then
  std::int64_t missed = 0;   ///< answered late, or dropped, since then
  /// Of its batches that were done since then: the sum of their times as multiples of what was
  /// expected when they left, and how many.
  double took = 0;
  std::int64_t timed = 0;
};

/// What is known of a device: never how fast it really is.
struct DeviceState {
  double speed = 1;  ///< estimated from timings; 1 as in the cost tables
  bool ejected = false;
};

/// For plans.
struct ServingObservation {
  Seconds now = 0;
  Seconds period = 0;  ///< since the last plan
  const Cluster* cluster = nullptr;
  std::span<const StreamState> streams;
  std::span<const DeviceState> devices;
  /// By device: there, or to be loaded. Those of the plan that is to be changed, in place.
  std::span<const std::vector<InstanceSpec>> instances;
  Seconds travel = 0;  ///< of batches, of late: orders and answers on their way, and waiting
  double unsteady =
      0;  ///< how far their times are from those of a device that is known, as a share
};

/// What a policy wants from now on.
struct ServingPlan {
  std::vector<StreamRule> rules;                     ///< by stream
  std::vector<std::vector<InstanceSpec>> instances;  ///< by device
  /// To the next plan, at most the scheduler's; no shorter than 10 ms, nor than what a plan takes.
  Seconds period = kUsualPlanPeriod;
};

/// A device that could run a batch of a stream now.
struct Offer {
  Seconds now = 0;
  StreamId stream = 0;
  DeviceId device = 0;
  const NetworkCosts* costs = nullptr;
  double speed = 1;         ///< of the device, estimated
  double demand = 0;        ///< of bandwidth, by what runs there
  double usual_demand = 0;  ///< likewise, the mean beside batches of late, while they ran
  std::size_t waiting = 0;
  Seconds deadline = 0;                 ///< of the first of them
  const RequestQueue* queue = nullptr;  ///< they, in the order of their arrivals
  bool scarce = false;                  ///< they had to wait for a device
  std::uint64_t expired = 0;   ///< of the stream, so far: dropped, as they could not be in time
  std::uint64_t shortage = 0;  ///< if scarce: its number, another one for each shortage
  /// If scarce, and this device has nothing to do: how many such there are that could run a batch
  /// of the stream, this one among them. Else 1.
  std::size_t resting = 1;
  /// Instances of the model that are idle, and have their cores free: by choice of cores, the
  /// largest batch; 0 where there is none.
  std::span<const int> idle;

  /// Of one of those that wait, the first being 0.
  Seconds deadline_of(std::size_t place) const {
    return deadline + queue->at(place).arrival - queue->front().arrival;
  }
  /// How long a batch would take if nothing else changed on the device; with `drift`, if what runs
  /// beside it came so far, 1 being all the way, to what is usual; below 0, if it went away from
  /// it.
  Seconds takes(std::size_t choice, int batch, double drift = 0) const {
    const NetworkCosts::Cell& cell = costs->at(choice, batch);
    const double others = std::max(demand + drift * (usual_demand - demand), 0.0);
    return cell.solo / shared_rate(speed, others + cell.demand);
  }
  /// When it would be done.
  Seconds end_of(std::size_t choice, int batch) const { return now + takes(choice, batch); }
};

struct Choice {
  std::uint32_t choice = 0;  ///< of cores; one that is idle
  int batch = 0;             ///< at most what waits, and what the instance takes
  CloseReason reason = CloseReason::kFull;
  int give_up = 0;  ///< so many are dropped, from the first on, so that the others gain
};

/// Of a policy whose decisions another may take over, where it does badly.
struct PolicyCounts {
  std::int64_t comparisons = 0;  ///< with the other
  std::int64_t fallbacks = 0;    ///< to the other
  Seconds fallback_seconds = 0;  ///< in which the other decided, comparisons included
  std::int64_t steps = 0;        ///< of learning, in the run, if it goes on with that
};

/// Called from one thread; neither blocks nor reads a clock.
class RequestPolicy {
 public:
  virtual ~RequestPolicy() = default;
  virtual std::string_view name() const = 0;
  /// At the start, and every so often (RequestSettings::plan_period). `plan` is the last one.
  virtual void plan(const ServingObservation& seen, ServingPlan& plan) = 0;
  /// The batch of a stream that is due, for this device; nothing to leave it to another.
  virtual std::optional<Choice> choose(const Offer& offer) = 0;
  virtual PolicyCounts counts() const { return {}; }
};

using PolicyMaker = std::function<std::unique_ptr<RequestPolicy>()>;

}  // namespace widepipe::schedule
