#pragma once

#include <onnx/onnx_pb.h>

#include "kernels/attributes.h"
#include "model/external_files.h"

namespace widepipe::model {

/// A node's attributes; tensors may have their elements in other files. Throws InputError that
/// names an attribute of a kind that no operator of ours has: a subgraph, a sparse tensor, a type,
/// a reference to an attribute of a function.
kernels::Attributes read_attributes(const onnx::NodeProto& node, const ExternalFiles& external);

}  // namespace widepipe::model
