#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "device/cpu_device.h"
#include "device/device.h"

namespace widepipe::device {
namespace {

constexpr std::array<DeviceKind, 1> kKinds = {{
    {"cpu", make_cpu_device},
}};

}  // namespace

std::span<const DeviceKind> device_kinds() { return kKinds; }

std::unique_ptr<Device> make_device(std::string_view kind, const DeviceConfig& config,
                                    CompletionSink sink) {
  const auto found = std::find_if(kKinds.begin(), kKinds.end(),
                                  [kind](const DeviceKind& k) { return k.name == kind; });
  if (found == kKinds.end()) {
    std::vector<std::string_view> names;
    for (const DeviceKind& known : kKinds) names.push_back(known.name);
    throw_input_error("device '{}' is not known; this build has: {}", kind, fmt::join(names, ", "));
  }
  return found->make(config, std::move(sink));
}

}  // namespace widepipe::device
