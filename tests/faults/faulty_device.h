#pragma once

#include <memory>

#include "device/device.h"

namespace widepipe::device {

/// The built-in device with a fault, as WIDEPIPE_FAULT has it: "RANK:FAULT:FROM", the rank that
/// has it, and from which of its batches on (0: the first). FAULT is one of
///   absent  it cannot be made
///   fail    its batches fail
///   wrong   the first element of each output row is another
///   nan     likewise, and is not a number
///   slow    it takes ten times as long
///   memory  it has none for batches of more than FROM rows
///   hang    it never gives a batch back, nor lets itself be taken down
/// Several faults are separated by commas. Elements are taken for f32.
std::unique_ptr<Device> make_faulty_device(const DeviceConfig& config, CompletionSink sink);

}  // namespace widepipe::device
