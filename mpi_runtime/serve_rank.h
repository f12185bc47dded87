#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "mpi_runtime/serve_wire.h"
#include "schedule/order_executor.h"

namespace widepipe::mpi_runtime {

/// A device's status as an entry of a slot, and back.
std::array<std::uint64_t, 4> to_wire(const schedule::DeviceStatus& status);
schedule::DeviceStatus status_of(const NewsWire& wire, std::span<const std::uint64_t> values);

/// A rank's devices behind its slots.
class ServeRank {
 public:
  /// `executor` outlives this. Its status is told every so often.
  ServeRank(schedule::OrderExecutor& executor, schedule::Seconds status_period)
      : executor_(executor), status_period_(status_period) {}

  void accept(const OrderWire& order, std::span<const std::uint64_t> rows, schedule::Seconds now);
  /// Behind the orders of a slot.
  void accepted();
  /// As many news as there is room for, then as much of its status.
  void report(SlotWriter& slot, schedule::Seconds now);

 private:
  schedule::OrderExecutor& executor_;
  const schedule::Seconds status_period_;
  bool equipping_ = false;
  std::optional<schedule::DeviceNews> held_;    ///< found no room in the last slot
  std::vector<schedule::DeviceStatus> status_;  ///< likewise
  schedule::Seconds next_status_ = 0;
};

}  // namespace widepipe::mpi_runtime
