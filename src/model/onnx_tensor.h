#pragma once
// Tensors and element types as ONNX files hold them. Only the importer and tests include this, so
// that the rest of the program does not see protobuf.

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>

#include "core/tensor.h"

namespace widepipe::model {

/// The element type of a TensorProto's code. Throws InputError that names a type without
/// counterpart in DType.
DType dtype_of(std::int32_t onnx_type);

/// Copies out the elements. Throws InputError, saying what was expected and found: an unsupported
/// type, external data, fewer or more elements than the dimensions say.
Tensor read_tensor(const onnx::TensorProto& proto);

}  // namespace widepipe::model
