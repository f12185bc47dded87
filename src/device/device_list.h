#pragma once
// Devices by name: "cpu", "openvino", "openvino:GPU", and "auto", which is the built-in device for
// the models that it can run and for the others the first kind that imports models itself.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "device/device.h"
#include "model/bundle.h"
#include "model/model.h"

namespace widepipe::device {

inline constexpr std::string_view kAutoDevice = "auto";

/// Throws InputError that lists the kinds if there is none of this name, or says which parts or
/// precisions there are.
std::unique_ptr<Device> make_device(std::string_view name, DeviceConfig config,
                                    CompletionSink sink);

/// Imports a model for a device. Throws InputError: an unknown device, and what
/// Model::from_bytes() throws if no device of the name can run the model.
std::shared_ptr<const model::Model> import_model(std::string_view device,
                                                 std::span<const std::byte> bytes,
                                                 std::string_view label,
                                                 const model::ModelOptions& options);
std::shared_ptr<const model::Model> import_model(std::string_view device,
                                                 const model::ModelBundle& bundle);

/// Which device runs a model that was imported for `device`: what "auto" came to.
std::string chosen_device(std::string_view device, const model::Model& model);

/// The device promises the bits of the built-in kernels for this model (DeviceKind::same_bits).
bool keeps_bits(std::string_view device, const model::Model& model);

/// Why the built-in device cannot run a model, if "auto" chose another for it.
std::string why_not_builtin(const model::Model& model);

/// Names and versions of the libraries that the results of this device depend on.
std::string library_versions(std::string_view device);

}  // namespace widepipe::device
