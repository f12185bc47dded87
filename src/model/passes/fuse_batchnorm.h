#pragma once

#include "model/graph.h"

namespace widepipe::model {

/// Folds a BatchNormalization that alone reads a Conv's result into the Conv's weights and bias, in
/// double precision. Returns true if the graph changed.
bool fuse_batchnorm(Graph& graph);

}  // namespace widepipe::model
