#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace widepipe::model {

/// The element type of ONNX's number for it (TensorProto.DataType). Throws InputError that names a
/// type without counterpart in DType.
DType dtype_of(std::int32_t onnx_type);

}  // namespace widepipe::model
