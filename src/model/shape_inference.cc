#include "model/shape_inference.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "model/operators.h"

namespace widepipe::model {
namespace {

void require_rows_on_axis_0(const SymShape& shape) {
  const bool elsewhere = std::any_of(shape.begin(), shape.end(), [&](const Dim& dim) {
    return !dim.is_fixed() && (&dim != &shape.front() || dim.fixed != 0);
  });
  if (elsewhere) {
    throw_input_error("the output {} does not keep the batch N on axis 0 alone", to_string(shape));
  }
}

void infer_node(Graph& graph, const Node& node) {
  const Operator& op = *find_operator(node.op);
  ValueType type = op.infer({graph, node});
  require_rows_on_axis_0(type.shape);
  product(type.shape);  // throws if the elements cannot be counted
  Value& output = graph.value(node.outputs[0]);
  output.dtype = type.dtype;
  output.shape = std::move(type.shape);
}

}  // namespace

void infer_shapes(Graph& graph) {
  for (const Node& node : graph.nodes) {
    try {
      infer_node(graph, node);
    } catch (const InputError& error) {
      throw_input_error("{}: {}, operator {}: {}", graph.label, describe(node), node.op,
                        error.what());
    }
  }
}

}  // namespace widepipe::model
