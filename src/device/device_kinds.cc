// The devices that this build knows. A test program has a list of its own in this one's place.

#include "device/cpu_device.h"
#include "device/device.h"
#ifdef WIDEPIPE_WITH_OPENVINO
#include "device/openvino_device.h"
#endif

namespace widepipe::device {
namespace {

constexpr DeviceKind kKinds[] = {
    {"cpu", true, make_cpu_device},
#ifdef WIDEPIPE_WITH_OPENVINO
    {"openvino", false, make_openvino_device, openvino_parts, openvino_versions, openvino_outputs},
#endif
};

}  // namespace

std::span<const DeviceKind> device_kinds() { return kKinds; }

}  // namespace widepipe::device
