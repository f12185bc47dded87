#pragma once

#include "model/graph.h"

namespace widepipe::model {

/// Removes the nodes that no output depends on, and the values that nothing refers to any more.
/// Inputs of the graph stay. Value ids change. Returns true if the graph changed.
bool remove_dead(Graph& graph);

}  // namespace widepipe::model
