#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/aligned_buffer.h"
#include "mpi_runtime/serve_wire.h"
#include "schedule/order_executor.h"

namespace widepipe::mpi_runtime {

/// A device's status as an entry of a slot, and back.
std::array<std::uint64_t, 4> to_wire(const schedule::DeviceStatus& status);
schedule::DeviceStatus status_of(const NewsWire& wire, std::span<const std::uint64_t> values);

/// A rank's devices behind its slots.
class ServeRank {
 public:
  /// `executor` outlives this. Its status is told every so often; at most so many bytes of results
  /// are announced in a round, or those of one batch.
  ServeRank(schedule::OrderExecutor& executor, schedule::Seconds status_period,
            std::size_t most_payload)
      : executor_(executor), status_period_(status_period), most_payload_(most_payload) {}

  void accept(const OrderWire& order, std::span<const std::uint64_t> rows, schedule::Seconds now);
  /// Behind the orders of a slot.
  void accepted();
  /// As much of its status as there is room for, then as many news. Gives the bytes of results that
  /// belong to them: the payload of that round.
  std::uint64_t report(std::uint32_t round, SlotWriter& slot, schedule::Seconds now);
  /// The results announced in the slot of `round`; empty if there were none.
  AlignedBuffer take_payload(std::uint32_t round);

 private:
  void report_status(SlotWriter& slot, schedule::Seconds now);
  void report_news(SlotWriter& slot, schedule::Seconds now, std::vector<AlignedBuffer>& results);

  schedule::OrderExecutor& executor_;
  const schedule::Seconds status_period_;
  const std::size_t most_payload_;
  bool equipping_ = false;
  std::optional<schedule::DeviceNews> held_;    ///< found no room in the last slot
  std::vector<schedule::DeviceStatus> status_;  ///< likewise
  schedule::Seconds next_status_ = 0;
  std::map<std::uint32_t, AlignedBuffer> payloads_;  ///< announced, by round
};

}  // namespace widepipe::mpi_runtime
