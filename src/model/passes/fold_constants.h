#pragma once

#include "model/graph.h"

namespace widepipe::model {

/// Removes every node whose outputs shape inference has computed. Returns true if the graph
/// changed.
bool fold_constants(Graph& graph);

}  // namespace widepipe::model
