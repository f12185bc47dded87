#pragma once
// Tensors and element types as ONNX files hold them. Only the importer and tests include this, so
// that the rest of the program does not see protobuf.

#include <onnx/onnx_pb.h>

#include <string>

#include "core/tensor.h"
#include "model/external_files.h"
#include "model/onnx_dtype.h"

namespace widepipe::model {

/// Copies out the elements, or takes them from one of the files. Throws InputError, saying what was
/// expected and found: an unsupported type, a file that is not there or too short, fewer or more
/// elements than the dimensions say.
Tensor read_tensor(const onnx::TensorProto& proto, const ExternalFiles& external = {});

/// The name of the file that holds the elements; empty if the model does.
std::string external_location(const onnx::TensorProto& proto);

}  // namespace widepipe::model
