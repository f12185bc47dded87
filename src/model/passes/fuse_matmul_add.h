#pragma once

#include "model/graph.h"

namespace widepipe::model {

/// Turns the MatMul of a matrix and a constant matrix, and the Add of a constant row that alone
/// reads its result, into one Gemm. Returns true if the graph changed.
bool fuse_matmul_add(Graph& graph);

}  // namespace widepipe::model
