#include "device/device_list.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "device/auto_device.h"
#include "device/cpu_device.h"
#include "kernels/isa.h"

namespace widepipe::device {
namespace {

const DeviceKind& kind_of(std::string_view name) {
  const std::string_view kind = name.substr(0, name.find(':'));
  const std::span<const DeviceKind> kinds = device_kinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [&](const DeviceKind& one) { return one.name == kind; });
  if (found != kinds.end()) return *found;
  std::vector<std::string_view> names = {kAutoDevice};
  for (const DeviceKind& known : kinds) names.push_back(known.name);
  throw_input_error("device '{}' is not known; this build has: {}{}", name, fmt::join(names, ", "),
                    kind == "openvino" ? "; OpenVINO was not found when it was built" : "");
}

/// "GPU" of "openvino:GPU"; empty if none is named.
std::string part_of(std::string_view device) {
  const std::size_t colon = device.find(':');
  return colon == std::string_view::npos ? "" : std::string(device.substr(colon + 1));
}

/// The first of the list.
const DeviceKind& builtin() { return device_kinds().front(); }

/// What "auto" turns to; null if this build has nothing.
const DeviceKind* second_choice() {
  const std::span<const DeviceKind> kinds = device_kinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [](const DeviceKind& kind) { return kind.outputs != nullptr; });
  return found == kinds.end() ? nullptr : &*found;
}

const DeviceKind& chosen_kind(std::string_view device, const model::Model& model) {
  if (device != kAutoDevice) return kind_of(device);
  const DeviceKind* second = second_choice();
  return model.onnx().empty() || second == nullptr ? builtin() : *second;
}

constexpr const char* kOtherBuild = "a build of widepipe with OpenVINO might run it";

model::OutputsElsewhere no_outputs() {
  return [](const model::Model&, const std::vector<std::string>&) -> std::vector<model::RowType> {
    throw InputError(kOtherBuild);
  };
}

std::shared_ptr<const model::Model> import_elsewhere(const DeviceKind* kind,
                                                     std::span<const std::byte> bytes,
                                                     std::string_view label,
                                                     model::ModelOptions options) {
  options.outputs_elsewhere = kind == nullptr ? no_outputs() : kind->outputs;
  return model::Model::from_bytes(bytes, label, options);
}

/// Says so if another device of this build can run what the built-in one cannot.
std::shared_ptr<const model::Model> import_builtin(std::span<const std::byte> bytes,
                                                   std::string_view label,
                                                   const model::ModelOptions& options) {
  try {
    return model::Model::from_bytes(bytes, label, options);
  } catch (const UnsupportedError& error) {
    try {
      import_elsewhere(second_choice(), bytes, label, options);
    } catch (const InputError&) {
      throw error;
    }
    throw_input_error("{}; --device auto turns to {}, which can run it", error.what(),
                      second_choice()->name);
  }
}

}  // namespace

std::unique_ptr<Device> make_device(std::string_view name, DeviceConfig config,
                                    CompletionSink sink) {
  if (name == kAutoDevice) {
    const DeviceKind* second = second_choice();
    return make_auto_device(builtin(), second, std::move(config), std::move(sink));
  }
  const DeviceKind& kind = kind_of(name);
  if (name.find(':') != std::string_view::npos) {
    config.part = part_of(name);
    if (kind.parts == nullptr || config.part.empty()) {
      throw_input_error(
          "device '{}': expected {}", name,
          kind.parts == nullptr
              ? fmt::format("'{}', which has no parts", kind.name)
              : fmt::format("one of {}:{}", kind.name,
                            fmt::join(kind.parts(), fmt::format(", {}:", kind.name))));
    }
  }
  return kind.make(config, std::move(sink));
}

std::shared_ptr<const model::Model> import_model(std::string_view device,
                                                 std::span<const std::byte> bytes,
                                                 std::string_view label,
                                                 const model::ModelOptions& options) {
  if (device != kAutoDevice) {
    const DeviceKind& kind = kind_of(device);
    return kind.outputs == nullptr ? import_builtin(bytes, label, options)
                                   : import_elsewhere(&kind, bytes, label, options);
  }
  // The job is asked once, whichever import its answer is for.
  std::optional<model::Binding> binding;
  model::ModelOptions asking = options;
  bool refused = false;
  asking.bind = [&](const model::Declared& declared) {
    refused = true;
    if (!binding) binding = options.bind ? options.bind(declared) : model::Binding{};
    refused = false;
    return *binding;
  };
  std::shared_ptr<const model::Model> model;
  try {
    model = model::Model::from_bytes(bytes, label, asking);
  } catch (const InputError&) {
    if (refused) throw;
    return import_elsewhere(second_choice(), bytes, label, asking);
  }
  const std::string why_not = why_not_builtin(*model);
  if (why_not.empty()) return model;
  if (second_choice() == nullptr) throw_input_error("{}; {}", why_not, kOtherBuild);
  return import_elsewhere(second_choice(), bytes, label, asking);
}

std::shared_ptr<const model::Model> import_model(std::string_view device,
                                                 const model::ModelBundle& bundle) {
  return import_model(device, bundle.bytes, bundle.label, model::options_of(bundle));
}

std::string chosen_device(std::string_view device, const model::Model& model) {
  const DeviceKind& kind = chosen_kind(device, model);
  if (kind.parts == nullptr || device.find(':') != std::string_view::npos) {
    return std::string(device == kAutoDevice ? kind.name : device);
  }
  return fmt::format("{}:{}", kind.name, kind.parts().front());
}

bool keeps_bits(std::string_view device, const model::Model& model) {
  return chosen_kind(device, model).same_bits;
}

std::string why_not_builtin(const model::Model& model) { return cpu_declines(model).value_or(""); }

std::string library_versions(std::string_view device) {
  std::string versions = kernels::kernel_library_versions();
  const DeviceKind* kind = device == kAutoDevice ? second_choice() : &kind_of(device);
  if (kind == nullptr || kind->versions == nullptr) return versions;
  return device == kAutoDevice ? fmt::format("{}, {}", versions, kind->versions(""))
                               : kind->versions(part_of(device));
}

}  // namespace widepipe::device
