#pragma once

#include "model/graph.h"

namespace widepipe::model {

/// A Sum of two is an Add, which has faster kernels and takes activations. Returns true if the
/// graph changed.
bool sum_to_add(Graph& graph);

}  // namespace widepipe::model
