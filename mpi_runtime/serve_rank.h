#pragma once

#include <optional>
#include <vector>

#include "mpi_runtime/serve_wire.h"
#include "schedule/order_executor.h"

namespace widepipe::mpi_runtime {

/// A rank's devices behind its slots.
class ServeRank {
 public:
  /// `executor` outlives this.
  explicit ServeRank(schedule::OrderExecutor& executor) : executor_(executor) {}

  void accept(const OrderWire& order, std::span<const std::uint64_t> rows, schedule::Seconds now);
  /// As many news as there is room for.
  void report(SlotWriter& slot, schedule::Seconds now);

 private:
  schedule::OrderExecutor& executor_;
  std::optional<schedule::DeviceNews> held_;  ///< found no room in the last slot
};

}  // namespace widepipe::mpi_runtime
