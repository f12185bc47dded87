#pragma once
// Who carries out what a dispatcher orders: the devices of a rank.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "schedule/request_types.h"

namespace widepipe::schedule {

/// What a device has to say.
struct DeviceNews {
  enum class Kind : std::uint32_t { kDone, kLoaded } kind = Kind::kDone;
  DeviceId device = 0;
  InstanceId instance = 0;
  BatchId batch = 0;                   ///< kDone
  Seconds busy = 0;                    ///< kDone: on the batch
  std::vector<std::uint64_t> answers;  ///< kDone: one a request, in the order of the batch
};

/// Devices that work on their own while time passes. Calls do not block; times do not go back. Not
/// thread-safe.
class OrderExecutor {
 public:
  virtual ~OrderExecutor() = default;
  /// At the start: an instance that is there without being loaded.
  virtual void equip(DeviceId device, InstanceId instance, const InstanceSpec& spec) = 0;
  /// `rows`: of a batch, the requests' ids, in order.
  virtual void accept(const Order& order, std::span<const std::uint64_t> rows, Seconds now) = 0;
  /// The oldest news that are due by now.
  virtual std::optional<DeviceNews> take_news(Seconds now) = 0;
};

}  // namespace widepipe::schedule
