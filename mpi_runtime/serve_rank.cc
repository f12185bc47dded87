#include "mpi_runtime/serve_rank.h"

#include <bit>
#include <utility>

namespace widepipe::mpi_runtime {

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

void ServeRank::report(SlotWriter& slot, schedule::Seconds now) {
  for (;;) {
    if (!held_) held_ = executor_.take_news(now);
    if (!held_) break;
    const NewsWire news{.kind = static_cast<std::uint32_t>(held_->kind),
                        .device = held_->device,
                        .instance = held_->instance,
                        .size = static_cast<std::uint32_t>(held_->answers.size()),
                        .batch = held_->batch,
                        .busy = held_->busy};
    if (!slot.add(news, held_->answers)) return;
    held_.reset();
  }
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

}  // namespace widepipe::mpi_runtime
