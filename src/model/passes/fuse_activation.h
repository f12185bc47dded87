#pragma once

#include "model/graph.h"

namespace widepipe::model {

/// Moves a Relu, or a Clip with constant limits, into the f32 node that makes its input, if nothing
/// else reads that and all kernels of its operator can apply an activation. Returns true if the
/// graph changed.
bool fuse_activation(Graph& graph);

}  // namespace widepipe::model
