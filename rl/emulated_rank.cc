#include "rl/emulated_rank.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "core/mix_bits.h"

namespace widepipe::rl {
namespace {

using schedule::DeviceId;

std::uint64_t mixed(std::uint64_t x) { return mix_bits(x + kGoldenGamma); }

npu_model::Fleet part_of(const npu_model::Fleet& fleet, DeviceId first, std::size_t count) {
  npu_model::Fleet part;
  const auto begin = fleet.devices.begin() + static_cast<std::ptrdiff_t>(first);
  part.devices.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
  for (npu_model::DeviceChange change : fleet.changes) {
    change.device -= static_cast<int>(first);
    if (change.device < 0 || change.device >= static_cast<int>(count)) continue;
    part.changes.push_back(change);
  }
  return part;
}

}  // namespace

std::uint64_t emulated_answer(schedule::ModelId model, std::uint64_t row) {
  return mixed(mixed(row) ^ mixed(~std::uint64_t{model}));
}

std::uint64_t emulated_wrong_answer(schedule::ModelId model, std::uint64_t row) {
  return ~emulated_answer(model, row);
}

EmulatedRank::EmulatedRank(const npu_model::Profile& profile, const npu_model::Fleet& fleet,
                           const schedule::Cluster& cluster, std::vector<int> network_of_model,
                           DeviceId first, std::size_t count, std::uint64_t seed)
    : first_(first),
      own_(part_of(fleet, first, count)),
      devices_(profile, own_, cluster, std::move(network_of_model), seed),
      known_(count) {}

void EmulatedRank::equip(DeviceId device, schedule::InstanceId instance,
                         const schedule::InstanceSpec& spec) {
  devices_.equip(device - first_, instance, spec);
}

void EmulatedRank::accept(const schedule::Order& order, std::span<const std::uint64_t> rows,
                          Seconds now) {
  advance(now);
  schedule::Order mine = order;
  mine.device -= first_;
  if (order.kind == schedule::Order::Kind::kRun) {
    if (devices_.gone(mine.device)) return;  // nobody hears of it
    batches_[order.batch] = {mine.device, order.spec.model, {rows.begin(), rows.end()}};
  }
  devices_.accept(mine, now);
}

std::optional<schedule::DeviceNews> EmulatedRank::take_news(Seconds now) {
  advance(now);
  if (news_.empty()) return std::nullopt;
  schedule::DeviceNews oldest = std::move(news_.front());
  news_.pop_front();
  return oldest;
}

void EmulatedRank::take_status(Seconds now, std::vector<schedule::DeviceStatus>& all) {
  advance(now);
  const Seconds period = std::max(now - known_at_, std::numeric_limits<Seconds>::min());
  for (DeviceId id = 0; id < known_.size(); ++id) {
    const EmulatedFleet::Use use = devices_.use_of(id, now);
    const double cores = own_.devices[id].cores * period;
    all.push_back(
        {.device = id + first_,
         .at = now,
         .cores_busy = (use.core_seconds - known_[id].core_seconds) / cores,
         .bandwidth_used = (use.bandwidth_seconds - known_[id].bandwidth_seconds) / period,
         .memory_used = use.memory});
    known_[id] = use;
  }
  known_at_ = now;
}

/// All that happens until then, in the order of its times.
void EmulatedRank::advance(Seconds now) {
  time_ = std::max(time_, now);
  for (;;) {
    const Seconds event = next_change_ < own_.changes.size()
                              ? own_.changes[next_change_].at
                              : std::numeric_limits<Seconds>::infinity();
    const Seconds device = devices_.next_time();
    if (std::min(event, device) > now) return;
    if (event <= device) {
      change(own_.changes[next_change_++]);
    } else {
      news_.push_back(told(devices_.take_next(device), device));
    }
  }
}

/// A device that goes takes what it had to do with it.
void EmulatedRank::change(const npu_model::DeviceChange& change) {
  const auto device = static_cast<DeviceId>(change.device);
  devices_.change(change, change.at);
  if (!devices_.gone(device)) return;
  std::erase_if(batches_, [device](const auto& entry) { return entry.second.device == device; });
}

schedule::DeviceNews EmulatedRank::told(const EmulatedFleet::News& news, Seconds at) {
  schedule::DeviceNews told{
      .device = news.device + first_, .instance = news.instance, .answers = {}};
  schedule::TimelineEvent event{.kind = schedule::TimelineEvent::Kind::kLoad,
                                .device = told.device,
                                .from = at - news.busy,
                                .until = at,
                                .instance = news.instance};
  if (news.kind == EmulatedFleet::News::Kind::kLoaded) {
    if (timeline_ != nullptr) timeline_->add(event);
    told.kind = schedule::DeviceNews::Kind::kLoaded;
    return told;
  }
  const auto found = batches_.find(news.batch);
  if (found == batches_.end()) throw std::logic_error("an emulated batch that nobody ordered");
  told.batch = news.batch;
  told.busy = news.busy;
  if (news.kind == EmulatedFleet::News::Kind::kFailed) {
    told.kind = schedule::DeviceNews::Kind::kFailed;
  } else {
    const auto answer = news.wrong ? emulated_wrong_answer : emulated_answer;
    for (const std::uint64_t row : found->second.rows) {
      told.answers.push_back(answer(found->second.model, row));
    }
  }
  if (timeline_ != nullptr) {
    event.kind = schedule::TimelineEvent::Kind::kBatch;
    event.number = news.batch;
    event.model = found->second.model;
    event.size = static_cast<std::uint32_t>(found->second.rows.size());
    timeline_->add(event);
  }
  batches_.erase(found);
  return told;
}

}  // namespace widepipe::rl
