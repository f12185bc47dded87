#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace widepipe::model {

/// Contents of the files in which a model keeps elements of its tensors (ONNX "external data"), by
/// the name that the model uses: a path relative to the model's own folder.
using ExternalFiles = std::map<std::string, std::vector<std::byte>, std::less<>>;

}  // namespace widepipe::model
