#pragma once

#include "model/graph.h"

namespace widepipe::model {

/// Gives every value its element type and shape, from the graph's inputs on. Where rows are
/// symbolic, it makes sure that they stay apart: a value holds them on axis 0 or not at all.
/// Throws InputError naming the node, the operator, what was expected and what was found.
void infer_shapes(Graph& graph);

}  // namespace widepipe::model
