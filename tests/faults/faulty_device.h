#pragma once

#include <memory>

#include "device/device.h"

namespace widepipe::device {

/// The built-in device with a fault (faults.h), from batch FROM on (0: the first). FAULT is one of
///   absent  it cannot be made
///   fail    its batches fail
///   wrong   the first element of each output row is another
///   nan     likewise, and is not a number
///   slow    it takes ten times as long
///   memory  it has none for batches of more than FROM rows
///   load    it takes FROM seconds to load a model
///   hang    it never gives a batch back, nor lets itself be taken down
/// Elements are taken for f32.
std::unique_ptr<Device> make_faulty_device(const DeviceConfig& config, CompletionSink sink);

}  // namespace widepipe::device
