#pragma once

#include "model/graph.h"

namespace widepipe::model {

/// Removes a Flatten (or a Reshape that comes to the same) which keeps axis 0 and is read only as
/// the untransposed input A of Gemms: those take the unflattened value, in whatever layout it has.
/// Returns true if the graph changed.
bool absorb_flatten(Graph& graph);

}  // namespace widepipe::model
