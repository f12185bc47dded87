#pragma once
// Only the importer includes this, so that the rest of the program does not see protobuf.

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <span>
#include <string_view>

namespace widepipe::model {

/// Throws InputError, `label` in front, if the bytes are not a whole ONNX model.
onnx::ModelProto parse_onnx(std::span<const std::byte> bytes, std::string_view label);

}  // namespace widepipe::model
