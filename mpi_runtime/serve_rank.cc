#include "mpi_runtime/serve_rank.h"

#include <bit>
#include <cstring>
#include <utility>

namespace widepipe::mpi_runtime {
namespace {

AlignedBuffer joined(std::vector<AlignedBuffer> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  std::size_t bytes = 0;
  for (const AlignedBuffer& part : parts) bytes += part.size();
  AlignedBuffer all(bytes);
  std::size_t at = 0;
  for (const AlignedBuffer& part : parts) {
    std::memcpy(all.data() + at, part.data(), part.size());
    at += part.size();
  }
  return all;
}

}  // namespace

std::array<std::uint64_t, 4> to_wire(const schedule::DeviceStatus& status) {
  const auto bits = [](double value) { return std::bit_cast<std::uint64_t>(value); };
  return {bits(status.at), bits(status.cores_busy), bits(status.bandwidth_used),
          bits(status.memory_used)};
}

schedule::DeviceStatus status_of(const NewsWire& wire, std::span<const std::uint64_t> values) {
  const auto number = [&](std::size_t i) { return std::bit_cast<double>(values[i]); };
  return {wire.device, number(0), number(1), number(2), number(3)};
}

void ServeRank::accept(const OrderWire& order, std::span<const std::uint64_t> rows,
                       schedule::Seconds now) {
  const schedule::InstanceSpec spec{order.model, order.choice, order.max_batch};
  if (order.kind == OrderWire::kEquip) {
    executor_.equip(order.device, order.instance, spec);
    equipping_ = true;
    return;
  }
  executor_.accept({.kind = static_cast<schedule::Order::Kind>(order.kind),
                    .device = order.device,
                    .instance = order.instance,
                    .spec = spec,
                    .batch = order.batch,
                    .stream = order.stream,
                    .size = static_cast<int>(order.size)},
                   rows, now);
}

void ServeRank::accepted() {
  if (std::exchange(equipping_, false)) executor_.equipped();
}

void ServeRank::report_news(SlotWriter& slot, schedule::Seconds now,
                            std::vector<AlignedBuffer>& results) {
  std::size_t bytes = 0;
  for (;;) {
    if (!held_) held_ = executor_.take_news(now);
    if (!held_) return;
    const NewsWire news{.kind = static_cast<std::uint32_t>(held_->kind),
                        .device = held_->device,
                        .instance = held_->instance,
                        .size = static_cast<std::uint32_t>(held_->answers.size()),
                        .batch = held_->batch,
                        .busy = held_->busy,
                        .result_bytes = held_->results.size()};
    const bool carries = bytes == 0 || bytes + news.result_bytes <= most_payload_;
    if (!carries || !slot.add(news, held_->answers)) return;
    bytes += news.result_bytes;
    if (news.result_bytes > 0) results.push_back(std::move(held_->results));
    held_.reset();
  }
}

void ServeRank::report_status(SlotWriter& slot, schedule::Seconds now) {
  if (now >= next_status_) {
    status_.clear();  // what had no room is out of date
    executor_.take_status(now, status_);
    next_status_ = now + status_period_;
  }
  while (!status_.empty()) {
    const auto values = to_wire(status_.back());
    const NewsWire news{.kind = NewsWire::kStatus,
                        .device = status_.back().device,
                        .size = static_cast<std::uint32_t>(values.size())};
    if (!slot.add(news, values)) return;
    status_.pop_back();
  }
}

std::uint64_t ServeRank::report(std::uint32_t round, SlotWriter& slot, schedule::Seconds now) {
  std::vector<AlignedBuffer> results;
  report_status(slot, now);
  report_news(slot, now, results);
  if (results.empty()) return 0;
  AlignedBuffer payload = joined(std::move(results));
  const std::uint64_t bytes = payload.size();
  payloads_.emplace(round, std::move(payload));
  return bytes;
}

AlignedBuffer ServeRank::take_payload(std::uint32_t round) {
  auto node = payloads_.extract(round);
  return node.empty() ? AlignedBuffer{} : std::move(node.mapped());
}

}  // namespace widepipe::mpi_runtime
