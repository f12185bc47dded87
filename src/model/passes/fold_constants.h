#pragma once

#include "model/graph.h"

namespace widepipe::model {

/// Computes every node whose inputs are all constants, once and for all. Returns true if the graph
/// changed.
bool fold_constants(Graph& graph);

}  // namespace widepipe::model
