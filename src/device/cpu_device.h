#pragma once

#include <memory>

#include "device/device.h"

namespace widepipe::device {

/// The built-in executor on `kernels`: config.instances threads, each with a team of
/// config.cores_per_instance OpenMP threads, plans and buffers of its own; weights are shared.
/// A batch goes to whichever instance is free, oldest first.
std::unique_ptr<Device> make_cpu_device(const DeviceConfig& config, CompletionSink sink);

}  // namespace widepipe::device
