#include "schedule/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace widepipe::schedule {

Scheduler::Scheduler(std::vector<StreamSpec> streams, const std::vector<DeviceSpec>& devices,
                     std::unique_ptr<Policy> policy, SchedulerLimits limits)
    : queues_(streams.size()),
      policy_(std::move(policy)),
      limits_(limits),
      rechecks_(limits.recheck_share, streams.size(), devices.size()),
      wrong_(devices.size(), false) {
  for (StreamSpec& spec : streams) streams_.push_back({.spec = std::move(spec)});
  for (const DeviceSpec& spec : devices) {
    devices_.push_back({.spec = spec,
                        .seconds_per_row = std::vector<Estimate>(streams_.size()),
                        .largest_measured = std::vector<std::int64_t>(streams_.size(), 0),
                        .most_rows = std::vector<std::int64_t>(
                            streams_.size(), std::numeric_limits<std::int64_t>::max())});
  }
  for (Queue& queue : queues_) queue.claims.resize(devices.size());
}

void Scheduler::add_rows(StreamId stream, RowRange rows) {
  if (rows.count <= 0) return;
  queues_.at(stream).waiting.push_back(rows);
  streams_[stream].rows_total += rows.count;
  streams_[stream].rows_waiting += rows.count;
}

/// Gives the device, which has no claim, rows of its own to take batches from: about as many as
/// are asked for, up to a chunk's border.
void Scheduler::claim(StreamId stream, DeviceId device, std::int64_t rows) {
  Queue& queue = queues_[stream];
  if (queue.waiting.empty()) {
    // The end is near: half of what another device has left of its chunk.
    RowRange& largest =
        *std::max_element(queue.claims.begin(), queue.claims.end(),
                          [](const RowRange& a, const RowRange& b) { return a.count < b.count; });
    const std::int64_t half = (largest.count + 1) / 2;
    largest.count -= half;
    queue.claims[device] = {largest.end(), half};
    return;
  }
  RowRange& front = queue.waiting.front();
  std::int64_t count = rows;
  if (const std::int64_t chunk = streams_[stream].spec.chunk_rows; chunk > 0) {
    const std::int64_t last_border = (front.first + rows) / chunk * chunk;
    const std::int64_t end = last_border > front.first ? last_border : last_border + chunk;
    count = end - front.first;
  }
  count = std::min(count, front.count);
  queue.claims[device] = {front.first, count};
  front = {front.first + count, front.count - count};
  if (front.count == 0) queue.waiting.pop_front();
}

/// No other device gets work.
bool Scheduler::is_alone(DeviceId device) const {
  for (DeviceId id = 0; id < devices_.size(); ++id) {
    if (id != device && !devices_[id].quarantined) return false;
  }
  return true;
}

/// A part of a batch that failed, preferably, on another device.
std::optional<Scheduler::Retry> Scheduler::take_retry(StreamId stream, DeviceId device) {
  std::deque<Retry>& retries = queues_[stream].retries;
  const bool any = is_alone(device);
  const auto found = std::find_if(retries.begin(), retries.end(), [&](const Retry& retry) {
    return any || !retry.failure || retry.failure->device != device;
  });
  if (found == retries.end()) return std::nullopt;
  Retry retry = std::move(*found);
  retries.erase(found);
  return retry;
}

std::optional<Scheduler::Taken> Scheduler::take(StreamId stream, DeviceId device,
                                                std::int64_t rows) {
  if (std::optional<Retry> retry = take_retry(stream, device)) {
    streams_[stream].rows_waiting -= retry->rows.count;
    return Taken{retry->rows, std::move(retry->failure)};
  }
  Queue& queue = queues_[stream];
  const StreamSpec& spec = streams_[stream].spec;
  const std::int64_t row_bytes =
      std::max<std::int64_t>({spec.bytes_in_per_row, spec.bytes_out_per_row, 1});
  const std::int64_t cap = std::max<std::int64_t>(limits_.max_batch_bytes / row_bytes, 1);
  const std::int64_t fit = devices_[device].most_rows[stream];
  const std::int64_t most = std::clamp<std::int64_t>(rows, 1, std::min(cap, fit));
  RowRange& own = queue.claims[device];
  if (own.count == 0) claim(stream, device, most);
  if (own.count == 0) return std::nullopt;
  // Batches of one size, rather than full ones and a small rest.
  const std::int64_t batches = (own.count + most - 1) / most;
  const RowRange range{own.first, (own.count + batches - 1) / batches};
  own = {range.end(), own.count - range.count};
  streams_[stream].rows_waiting -= range.count;
  return Taken{range, nullptr};
}

/// Of a batch that begins when an instance of the device has worked off its share of what is out.
/// As many as one likes while nothing is known of the stream's rows.
std::int64_t Scheduler::rows_in_time(const DeviceView& device, StreamId stream, Seconds now) const {
  constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
  if (limits_.end == std::numeric_limits<Seconds>::infinity()) return kAny;
  const Seconds left = limits_.end - now - device.busy_outstanding / device.spec.instances;
  if (left <= 0) return 0;
  const Estimate& per_row = device.seconds_per_row[stream];
  if (!per_row.known() || per_row.value() <= 0) return kAny;
  const double rows = left / per_row.value();
  return rows < 1e18 ? static_cast<std::int64_t>(rows) : kAny;
}

std::vector<Dispatch> Scheduler::dispatch(Seconds now) {
  std::vector<Dispatch> dispatches;
  bool too_late = false;
  const auto device_count = static_cast<DeviceId>(devices_.size());
  const Observation seen{now, devices_, streams_};
  // Turns end when a full turn has given nothing to anyone.
  for (DeviceId idle_turns = 0; !stopped_ && idle_turns < device_count;) {
    const DeviceId id = next_device_;
    next_device_ = (next_device_ + 1) % device_count;
    ++idle_turns;
    DeviceView& device = devices_[id];
    if (device.quarantined || device.batches_outstanding >= policy_->credit(device)) continue;
    if (std::shared_ptr<Rechecks::Case> open = rechecks_.take(id)) {
      if (rows_in_time(device, open->stream, now) >= open->rows.count) {
        dispatches.push_back(
            send(id, open->stream, open->rows, now, {.failure = nullptr, .recheck = open}));
        idle_turns = 0;
        continue;
      }
      too_late = true;
      rechecks_.put_back(std::move(open));
    }
    const std::optional<Decision> decision = policy_->next(seen, id);
    if (!decision) continue;
    const std::int64_t in_time = rows_in_time(device, decision->stream, now);
    if (in_time == 0) {
      too_late = true;
      continue;
    }
    std::optional<Taken> taken = take(decision->stream, id, std::min(decision->rows, in_time));
    if (!taken) continue;
    dispatches.push_back(send(id, decision->stream, taken->rows, now,
                              {.failure = std::move(taken->failure), .recheck = nullptr}));
    idle_turns = 0;
  }
  if (too_late && outstanding_.empty()) stop();
  return dispatches;
}

Dispatch Scheduler::send(DeviceId id, StreamId stream, RowRange rows, Seconds now,
                         Outstanding more) {
  DeviceView& device = devices_[id];
  const Estimate& per_row = device.seconds_per_row[stream];
  more.dispatch = {next_batch_++, id, stream, rows, more.recheck != nullptr};
  more.busy = per_row.known() ? per_row.value() * static_cast<double>(rows.count) : 0;
  more.since = now;
  ++device.batches_outstanding;
  device.rows_outstanding += rows.count;
  device.busy_outstanding += more.busy;
  const Dispatch made = more.dispatch;
  outstanding_.emplace(made.batch, std::move(more));
  return made;
}

Outcome Scheduler::complete(const BatchResult& result) {
  const auto found = outstanding_.find(result.batch);
  if (found == outstanding_.end()) {
    throw std::logic_error(fmt::format("batch {} came back but is not out", result.batch));
  }
  Outstanding batch = std::move(found->second);
  outstanding_.erase(found);
  const Dispatch& dispatch = batch.dispatch;
  DeviceView& device = devices_[dispatch.device];
  --device.batches_outstanding;
  device.rows_outstanding -= dispatch.rows.count;
  device.busy_outstanding -= batch.busy;
  ++device.batches_done;
  if (result.end == BatchEnd::kNoMemory) {
    std::int64_t& most = device.most_rows[dispatch.stream];
    most = std::min(most, std::max<std::int64_t>(dispatch.rows.count / 2, 1));
  }
  Outcome outcome{.dispatch = dispatch, .kind = Outcome::Kind::kChecked, .quarantined = {}};
  if (wrong_[dispatch.device]) {
    discard(batch, outcome);
    return outcome;
  }
  if (result.end != BatchEnd::kDone && !batch.recheck) return retry(batch, result.end);
  if (result.end == BatchEnd::kDone) {
    device.seconds_per_row[dispatch.stream].add(result.busy /
                                                static_cast<double>(dispatch.rows.count));
    std::int64_t& largest = device.largest_measured[dispatch.stream];
    largest = std::max(largest, dispatch.rows.count);
  }
  if (batch.recheck) {
    compare(batch, result, outcome);
    return outcome;
  }
  outcome.kind = Outcome::Kind::kDone;
  rechecks_.add(dispatch.device, dispatch.stream, dispatch.rows, result.digest, may_vote());
  // The last part of a failed batch, none of whose rows is to blame.
  const std::shared_ptr<Failure> failure = std::move(batch.failure);
  if (failure && failure.use_count() == 1 && !failure->by_a_row &&
      failure->device != dispatch.device) {
    strike(failure->device, outcome);
  }
  return outcome;
}

Outcome Scheduler::retry(const Outstanding& failed, BatchEnd end) {
  const Dispatch& dispatch = failed.dispatch;
  const bool one = dispatch.rows.count == 1;
  std::shared_ptr<Failure> failure = failed.failure;
  if (!failure && (end == BatchEnd::kFailed || (end == BatchEnd::kNoMemory && one))) {
    failure = std::make_shared<Failure>(Failure{.device = dispatch.device});
  }
  std::deque<Retry>& retries = queues_[dispatch.stream].retries;
  if (one) {
    const bool elsewhere = end != BatchEnd::kUnread && failure->device == dispatch.device &&
                           !is_alone(dispatch.device);
    if (!elsewhere) {
      if (failure) failure->by_a_row = true;
      return {.dispatch = dispatch, .kind = Outcome::Kind::kFailed, .quarantined = {}};
    }
    retries.push_back({dispatch.rows, std::move(failure)});
  } else {
    const std::int64_t half = dispatch.rows.count / 2;
    retries.push_back({{dispatch.rows.first, half}, failure});
    retries.push_back({{dispatch.rows.first + half, dispatch.rows.count - half}, failure});
  }
  streams_[dispatch.stream].rows_waiting += dispatch.rows.count;
  return {.dispatch = dispatch, .kind = Outcome::Kind::kRetried, .quarantined = {}};
}

/// Of a device that was found wrong: others do it.
void Scheduler::discard(const Outstanding& batch, Outcome& outcome) {
  if (batch.recheck) {
    rechecks_.put_back(batch.recheck);
    judge(rechecks_.prune(may_vote()), outcome);
    return;
  }
  queues_[batch.dispatch.stream].retries.push_back({batch.dispatch.rows, batch.failure});
  streams_[batch.dispatch.stream].rows_waiting += batch.dispatch.rows.count;
}

/// Rows that a device computed, and this one now.
void Scheduler::compare(const Outstanding& check, const BatchResult& result, Outcome& outcome) {
  const DeviceId device = check.dispatch.device;
  if (result.end == BatchEnd::kDone) {
    judge(rechecks_.vote(check.recheck, {device, result.digest}, may_vote()), outcome);
  } else if (result.end == BatchEnd::kFailed) {
    strike(device, outcome);
  }
}

void Scheduler::judge(Rechecks::Verdict verdict, Outcome& outcome) {
  if (verdict.wrong.empty()) return;
  for (const DeviceId device : verdict.wrong) {
    if (wrong_[device]) continue;
    wrong_[device] = true;
    quarantine(device);
    for (Rechecks::StreamRows& redone : rechecks_.retract(device)) {
      std::deque<RowRange>& waiting = queues_[redone.stream].waiting;
      waiting.insert(waiting.end(), redone.ranges.begin(), redone.ranges.end());
      streams_[redone.stream].rows_waiting += count_rows(redone.ranges);
      outcome.redone.push_back(std::move(redone));
    }
  }
  // Nobody may be left to do it again.
  verdict.undecided |= std::all_of(devices_.begin(), devices_.end(),
                                   [](const DeviceView& device) { return device.quarantined; });
  outcome.verdicts.push_back(std::move(verdict));
  judge(rechecks_.prune(may_vote()), outcome);
}

Rechecks::MayVote Scheduler::may_vote() const {
  return [this](DeviceId device) { return !devices_[device].quarantined; };
}

/// Enough of them, and the device is quarantined.
void Scheduler::strike(DeviceId id, Outcome& outcome) {
  constexpr std::int64_t kRare = 10;  // a strike in so many batches is no reason
  DeviceView& device = devices_[id];
  ++device.strikes;
  if (device.quarantined || is_alone(id) || device.strikes < limits_.most_strikes ||
      device.strikes * kRare < device.batches_done) {
    return;
  }
  quarantine(id);
  outcome.quarantined = id;
  judge(rechecks_.prune(may_vote()), outcome);
}

/// It gets nothing more; its rows wait for others.
void Scheduler::quarantine(DeviceId id) {
  devices_[id].quarantined = true;
  for (Queue& queue : queues_) {
    RowRange& own = queue.claims[id];
    if (own.count > 0) queue.waiting.push_front(own);
    own = {};
  }
}

void Scheduler::stop() {
  stopped_ = true;
  rechecks_.clear();
}

/// By the slowest device that has shown it; 0 if none has.
Seconds Scheduler::expected_busy(const Dispatch& dispatch) const {
  Seconds per_row = 0;
  for (const DeviceView& device : devices_) {
    const Estimate& estimate = device.seconds_per_row[dispatch.stream];
    if (estimate.known()) per_row = std::max(per_row, estimate.value());
  }
  return per_row * static_cast<double>(dispatch.rows.count);
}

void Scheduler::excuse(Seconds time) {
  for (auto& [id, batch] : outstanding_) batch.since += time;
}

std::optional<Overdue> Scheduler::overdue(Seconds now, Seconds limit) const {
  constexpr double kPatience = 20;  // times as long as expected: slow is not dead
  for (const auto& [id, batch] : outstanding_) {
    const Seconds waited = now - batch.since;
    if (waited < limit) continue;
    Seconds expected = 0;
    bool known = true;
    for (const auto& [other_id, other] : outstanding_) {
      if (other.dispatch.device != batch.dispatch.device) continue;
      const Seconds busy = expected_busy(other.dispatch);
      known = known && busy > 0;
      expected += busy;
    }
    // A first batch may take its time, too, but not for ever.
    if (!known) expected = 0;
    if (waited > kPatience * (known ? expected : limit)) {
      return Overdue{batch.dispatch, waited, expected};
    }
  }
  return std::nullopt;
}

bool Scheduler::drained() const {
  if (!outstanding_.empty()) return false;
  if (stopped_) return true;
  return rechecks_.empty() &&
         std::all_of(streams_.begin(), streams_.end(),
                     [](const StreamView& stream) { return stream.rows_waiting == 0; });
}

}  // namespace widepipe::schedule
