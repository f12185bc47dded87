#pragma once
// Who carries out what a dispatcher orders: the devices of a rank.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/aligned_buffer.h"
#include "schedule/request_types.h"

namespace widepipe::schedule {

/// What a device has to say.
struct DeviceNews {
  enum class Kind : std::uint32_t { kDone, kLoaded, kFailed } kind = Kind::kDone;
  DeviceId device = 0;
  InstanceId instance = 0;
  BatchId batch = 0;                   ///< kDone, kFailed
  Seconds busy = 0;                    ///< likewise: on the batch
  std::vector<std::uint64_t> answers;  ///< kDone: one a request, in the order of the batch
  AlignedBuffer results;               ///< kDone: what is stored of the batch, where that is asked
};

/// What a monitoring library of a device's vendor would report: how it is used, not why.
struct DeviceStatus {
  DeviceId device = 0;
  Seconds at = 0;
  double cores_busy = 0;      ///< a share of all cores' time since the status before
  double bandwidth_used = 0;  ///< likewise, of memory bandwidth
  double memory_used = 0;     ///< bytes, now
};

/// Devices that work on their own while time passes. Calls do not block; times do not go back. Not
/// thread-safe.
class OrderExecutor {
 public:
  virtual ~OrderExecutor() = default;
  /// At the start: an instance that is there without being loaded.
  virtual void equip(DeviceId device, InstanceId instance, const InstanceSpec& spec) = 0;
  /// Returns when all of them are ready. Throws where one cannot be.
  virtual void equipped() {}
  /// `rows`: of a batch, the requests' ids, in order.
  virtual void accept(const Order& order, std::span<const std::uint64_t> rows, Seconds now) = 0;
  /// The oldest news that are due by now.
  virtual std::optional<DeviceNews> take_news(Seconds now) = 0;
  /// Of all devices; appended. Counts from the call before.
  virtual void take_status(Seconds now, std::vector<DeviceStatus>& all) = 0;
};

}  // namespace widepipe::schedule
