#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace widepipe::model {

/// Contents of the files in which a model keeps elements of its tensors (ONNX "external data"), by
/// the name that the model uses: a path relative to the model's own folder.
using ExternalFiles = std::map<std::string, std::vector<std::byte>, std::less<>>;

/// Their names. Empty if the bytes are not a model.
std::vector<std::string> external_files(std::span<const std::byte> bytes);

/// The model with the elements of all its tensors inside. Throws InputError if one cannot be had,
/// and if the whole would take 2 GiB, the most that the format can hold.
std::vector<std::byte> with_external_data(std::span<const std::byte> bytes, std::string_view label,
                                          const ExternalFiles& external);

}  // namespace widepipe::model
