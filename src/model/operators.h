#pragma once
// The one list of operators that a model may use.

#include <cstddef>
#include <span>
#include <string_view>

#include "model/graph.h"

namespace widepipe::model {

/// Element type and shape of a node's output.
struct ValueType {
  DType dtype;
  SymShape shape;
};

/// A node and the graph that gives its inputs their types, as seen by shape inference.
struct NodeView {
  const Graph& graph;
  const Node& node;

  bool has(std::size_t i) const { return has_input(node, i); }
  const Value& input(std::size_t i) const { return graph.value(node.inputs[i]); }
};

/// A line of the list: which versions of an operator have a meaning that we know, how many inputs
/// it takes and what comes out.
struct Operator {
  std::string_view name;
  int min_version;
  int max_version;
  std::size_t min_inputs;
  std::size_t max_inputs;
  /// Throws InputError, without saying which node, if the inputs do not fit the operator.
  ValueType (*infer)(const NodeView&);
};

std::span<const Operator> operators();

/// Null for an operator that is not in the list.
const Operator* find_operator(std::string_view name);

}  // namespace widepipe::model
