// Linked in the place of src/device/device_kinds.cc: the built-in device, sound and faulty.

#include "device/cpu_device.h"
#include "device/device.h"
#include "tests/faults/faulty_device.h"

namespace widepipe::device {
namespace {

constexpr DeviceKind kKinds[] = {
    {"cpu", true, make_cpu_device},
    {"faulty", true, make_faulty_device},
};

}  // namespace

std::span<const DeviceKind> device_kinds() { return kKinds; }

}  // namespace widepipe::device
