#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "model/graph.h"

namespace widepipe::model {

/// What a job decides about a model's inputs and outputs before it runs.
struct Binding {
  /// By input: the shape of its rows, which fixes the dimensions that the model leaves open.
  std::map<std::string, Shape> row_shapes;
  /// By input: a value that is the same for every row. Such an input is no longer one.
  std::map<std::string, std::shared_ptr<const Tensor>> constants;
  /// By input: the axis that holds the batch, where it is not the one the model's names tell.
  std::map<std::string, std::int64_t> batch_axes;
  /// The outputs to compute, in this order; empty for all.
  std::vector<std::string> outputs;
  /// Not empty: rows are run one at a time, and this is why.
  std::string one_row_reason;
};

/// Gives every input its shape: the batch N, or a single row, on axis 0, all else fixed; an input
/// whose batch is on another axis is transposed. The batch is on axis 0 where the model leaves that
/// open or says 1, and otherwise on the axis that has the name of another input's axis 0. Throws
/// InputError naming the input and the axis. Call before shape inference.
void bind_inputs(Graph& graph, const Binding& binding);

/// Takes all dimensions as declared: every one must be fixed, and no axis is the batch.
void bind_fixed(Graph& graph);

/// Keeps the chosen outputs alone. Throws InputError that lists them if there is none of a name.
void choose_outputs(Graph& graph, const std::vector<std::string>& names);

/// After shape inference: what the model declares of its outputs agrees with what was inferred.
/// Throws InputError naming the output.
void check_declared_outputs(const Graph& graph);

/// After shape inference of a graph bound by bind_inputs(): brings every output's rows to axis 0.
/// Throws InputError naming an output that does not carry them.
void bind_outputs(Graph& graph, const Binding& binding);

}  // namespace widepipe::model
