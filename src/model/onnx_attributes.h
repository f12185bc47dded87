#pragma once

#include <onnx/onnx_pb.h>

#include "kernels/attributes.h"

namespace widepipe::model {

/// A node's attributes. Throws InputError that names an attribute of a kind that no operator of
/// ours has: a subgraph, a sparse tensor, a type, a reference to an attribute of a function.
kernels::Attributes read_attributes(const onnx::NodeProto& node);

}  // namespace widepipe::model
