#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/binding.h"
#include "model/external_files.h"
#include "model/model.h"

namespace widepipe::model {

/// All that makes a model, so that one rank can read and bind it, and the others make the same.
struct ModelBundle {
  std::string label;
  std::vector<std::byte> bytes;
  ExternalFiles external;
  Binding binding;
};

/// For ranks of one program on machines of one byte order; not a file format.
std::vector<std::byte> pack(const ModelBundle& bundle);
/// Throws std::logic_error if the bytes are not what pack() makes.
ModelBundle unpack(std::span<const std::byte> bytes);

/// With what Model::from_bytes() makes the model as the bundle binds it, which must outlive them.
ModelOptions options_of(const ModelBundle& bundle);

}  // namespace widepipe::model
