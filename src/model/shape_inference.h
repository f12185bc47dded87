#pragma once

#include "model/graph.h"

namespace widepipe::model {

/// Gives every value its element type and shape, from the graph's inputs on, and computes what does
/// not depend on them: constants, and integers that follow from shapes. Makes sure that rows stay
/// apart as far as shapes tell: every axis is fixed or a multiple of the rows, and rows are on one
/// axis at most. Throws InputError naming the node, the operator, what was expected and what was
/// found.
void infer_shapes(Graph& graph);

/// The same for one node whose inputs have their types.
void infer_node(Graph& graph, const Node& node);

}  // namespace widepipe::model
