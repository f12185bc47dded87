#include "mpi_runtime/serve_rank.h"

namespace widepipe::mpi_runtime {

void ServeRank::accept(const OrderWire& order, std::span<const std::uint64_t> rows,
                       schedule::Seconds now) {
  const schedule::InstanceSpec spec{order.model, order.choice, order.max_batch};
  if (order.kind == OrderWire::kEquip) {
    executor_.equip(order.device, order.instance, spec);
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

void ServeRank::report(SlotWriter& slot, schedule::Seconds now) {
  for (;;) {
    if (!held_) held_ = executor_.take_news(now);
    if (!held_) return;
    const NewsWire news{.kind = static_cast<std::uint32_t>(held_->kind),
                        .device = held_->device,
                        .instance = held_->instance,
                        .size = static_cast<std::uint32_t>(held_->answers.size()),
                        .batch = held_->batch,
                        .busy = held_->busy};
    if (!slot.add(news, held_->answers)) return;
    held_.reset();
  }
}

}  // namespace widepipe::mpi_runtime
