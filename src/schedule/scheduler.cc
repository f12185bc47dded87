#include "schedule/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace widepipe::schedule {

Scheduler::Scheduler(std::vector<StreamSpec> streams, const std::vector<DeviceSpec>& devices,
                     std::unique_ptr<Policy> policy, SchedulerLimits limits)
    : waiting_(streams.size()),
      retries_(streams.size()),
      policy_(std::move(policy)),
      limits_(limits) {
  for (StreamSpec& spec : streams) streams_.push_back({.spec = std::move(spec)});
  for (const DeviceSpec& spec : devices) {
    devices_.push_back({.spec = spec,
                        .seconds_per_row = std::vector<Estimate>(streams_.size()),
                        .largest_measured = std::vector<std::int64_t>(streams_.size(), 0)});
  }
}

void Scheduler::add_rows(StreamId stream, RowRange rows) {
  if (rows.count <= 0) return;
  waiting_.at(stream).push_back(rows);
  streams_[stream].rows_total += rows.count;
  streams_[stream].rows_waiting += rows.count;
}

std::optional<RowRange> Scheduler::take(StreamId stream, std::int64_t rows) {
  if (!retries_[stream].empty()) {
    const RowRange range = retries_[stream].front();
    retries_[stream].pop_front();
    streams_[stream].rows_waiting -= range.count;
    return range;
  }
  if (waiting_[stream].empty()) return std::nullopt;
  const StreamSpec& spec = streams_[stream].spec;
  const std::int64_t row_bytes =
      std::max<std::int64_t>({spec.bytes_in_per_row, spec.bytes_out_per_row, 1});
  const std::int64_t cap = std::max<std::int64_t>(limits_.max_batch_bytes / row_bytes, 1);
  RowRange& front = waiting_[stream].front();
  const RowRange range{front.first, std::min({std::max<std::int64_t>(rows, 1), cap, front.count})};
  front = {range.end(), front.count - range.count};
  if (front.count == 0) waiting_[stream].pop_front();
  streams_[stream].rows_waiting -= range.count;
  return range;
}

std::vector<Dispatch> Scheduler::dispatch(Seconds now) {
  std::vector<Dispatch> dispatches;
  const auto device_count = static_cast<DeviceId>(devices_.size());
  const Observation seen{now, devices_, streams_};
  // Turns end when a full turn has given nothing to anyone.
  for (DeviceId idle_turns = 0; !stopped_ && idle_turns < device_count;) {
    const DeviceId id = next_device_;
    next_device_ = (next_device_ + 1) % device_count;
    ++idle_turns;
    DeviceView& device = devices_[id];
    if (device.batches_outstanding >= policy_->credit(device)) continue;
    const std::optional<Decision> decision = policy_->next(seen, id);
    if (!decision) continue;
    const std::optional<RowRange> rows = take(decision->stream, decision->rows);
    if (!rows) continue;
    const Dispatch made{next_batch_++, id, decision->stream, *rows};
    outstanding_.emplace(made.batch, made);
    ++device.batches_outstanding;
    device.rows_outstanding += rows->count;
    dispatches.push_back(made);
    idle_turns = 0;
  }
  return dispatches;
}

Outcome Scheduler::complete(const BatchResult& result) {
  const auto found = outstanding_.find(result.batch);
  if (found == outstanding_.end()) {
    throw std::logic_error(fmt::format("batch {} came back but is not out", result.batch));
  }
  const Dispatch dispatch = found->second;
  outstanding_.erase(found);
  DeviceView& device = devices_[dispatch.device];
  --device.batches_outstanding;
  device.rows_outstanding -= dispatch.rows.count;
  if (!result.failed) {
    device.seconds_per_row[dispatch.stream].add(result.busy /
                                                static_cast<double>(dispatch.rows.count));
    std::int64_t& largest = device.largest_measured[dispatch.stream];
    largest = std::max(largest, dispatch.rows.count);
    return {dispatch, Outcome::Kind::kDone};
  }
  if (dispatch.rows.count == 1) return {dispatch, Outcome::Kind::kFailed};
  const std::int64_t half = dispatch.rows.count / 2;
  retries_[dispatch.stream].push_back({dispatch.rows.first, half});
  retries_[dispatch.stream].push_back({dispatch.rows.first + half, dispatch.rows.count - half});
  streams_[dispatch.stream].rows_waiting += dispatch.rows.count;
  return {dispatch, Outcome::Kind::kRetried};
}

bool Scheduler::drained() const {
  if (!outstanding_.empty()) return false;
  return stopped_ || std::all_of(streams_.begin(), streams_.end(),
                                 [](const StreamView& stream) { return stream.rows_waiting == 0; });
}

}  // namespace widepipe::schedule
