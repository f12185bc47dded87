#pragma once
// The one list of operators that a model may use.

#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "model/graph.h"

namespace widepipe::model {

/// Element type and shape of a node's output.
struct ValueType {
  DType dtype;
  SymShape shape;
};
/// One for each output that the operator computes.
using ValueTypes = std::vector<ValueType>;

/// A node and the graph that gives its inputs their types, as seen by shape inference.
struct NodeView {
  const Graph& graph;
  const Node& node;

  bool has(std::size_t i) const { return has_input(node, i); }
  const Value& input(std::size_t i) const { return graph.value(node.inputs[i]); }
};

/// For operators with any number of inputs.
inline constexpr std::size_t kManyInputs = std::numeric_limits<std::size_t>::max();

/// A line of the list: which versions of an operator have a meaning that we know, how many inputs
/// it takes and what comes out.
struct Operator {
  std::string_view name;  ///< with its domain before it, unless that is ai.onnx
  int min_version;
  int max_version;
  std::size_t min_inputs;
  std::size_t max_inputs;
  /// Throws InputError, without saying which node, if the inputs do not fit the operator.
  ValueTypes (*infer)(const NodeView&);
};

/// Makes an Operator's `infer` of a function for a single output.
template <ValueType (*infer)(const NodeView&)>
ValueTypes one_output(const NodeView& view) {
  return {infer(view)};
}

std::span<const Operator> operators();

/// Null for an operator that is not in the list.
const Operator* find_operator(std::string_view name);

}  // namespace widepipe::model
