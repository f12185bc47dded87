#pragma once

#include <memory>
#include <optional>
#include <string>

#include "device/device.h"

namespace widepipe::device {

/// The built-in executor on `kernels`: config.instances threads, each with a team of
/// config.cores_per_instance OpenMP threads, plans and buffers of its own; weights are shared.
/// A batch goes to whichever instance is free, oldest first.
/// Computes in f32, whatever is fastest.
std::unique_ptr<Device> make_cpu_device(const DeviceConfig& config, CompletionSink sink);

/// Device::declines(), without a device.
std::optional<std::string> cpu_declines(const model::Model& model);

}  // namespace widepipe::device
