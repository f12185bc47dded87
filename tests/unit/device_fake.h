#pragma once

#include <memory>

#include "device/device.h"

namespace widepipe::device {

/// The smallest device that keeps the contract: one thread that runs what waits, newest first, by
/// the plans of the built-in executor. Whoever relies on an order of batches fails with it.
std::unique_ptr<Device> make_fake_device(const DeviceConfig& config, CompletionSink sink);

}  // namespace widepipe::device
