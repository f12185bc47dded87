#pragma once

#include "model/graph.h"

namespace widepipe::model {

/// Removes Identity nodes, but for one that copies an input, a constant or another output into an
/// output. Needs no types. Returns true if the graph changed.
bool remove_pass_through(Graph& graph);

}  // namespace widepipe::model
