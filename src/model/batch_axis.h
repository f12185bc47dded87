#pragma once
// How the dimensions that a model declares become shapes in terms of the number of rows.

#include "model/graph.h"

namespace widepipe::model {

/// Axis 0 of every input, which must be symbolic or 1, becomes the batch N; all else must be
/// fixed. Throws InputError naming the input and the axis. Call before shape inference.
void bind_batch(Graph& graph);

/// Takes all dimensions as declared: every one must be fixed, and no axis is the batch.
void bind_fixed(Graph& graph);

/// After shape inference: what the model declares of its outputs agrees with what was inferred.
/// Throws InputError naming the output.
void check_declared_outputs(const Graph& graph);

/// After shape inference of a graph bound by bind_batch(): axis 0 of every output is N.
void check_batch_outputs(const Graph& graph);

}  // namespace widepipe::model
