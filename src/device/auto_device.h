#pragma once

#include <memory>

#include "device/device.h"

namespace widepipe::device {

/// Two devices behind one: a model that was imported for the second (Model::onnx()) runs there,
/// every other on the first. Each is made when it gets its first model, with all of `config`; jobs
/// whose streams use both share the cores between them. `second` may be null.
std::unique_ptr<Device> make_auto_device(const DeviceKind& first, const DeviceKind* second,
                                         DeviceConfig config, CompletionSink sink);

}  // namespace widepipe::device
