#include "model/passes/fuse_matmul_add.h"

namespace widepipe::model {
namespace {

bool is_constant(const Graph& graph, ValueId id) { return graph.value(id).constant != nullptr; }

/// A constant row of as many columns as `y` has.
bool is_bias(const Graph& graph, ValueId id, const SymShape& y) {
  return is_constant(graph, id) && graph.value(id).shape == SymShape{y.back()};
}

bool fits(const Graph& graph, const Node& matmul, const Node& add, ValueId bias) {
  if (matmul.op != "MatMul") return false;  // others need not have a second input
  const Value& b = graph.value(matmul.inputs[1]);
  const Value& y = graph.value(add.outputs[0]);
  return matmul.activation.none() &&
         graph.value(matmul.inputs[0]).shape.size() == 2 && b.shape.size() == 2 &&
         b.constant != nullptr && y.dtype == DType::kF32 && y.shape.size() == 2 &&
         is_bias(graph, bias, y.shape);
}

}  // namespace

bool fuse_matmul_add(Graph& graph) {
  bool changed = false;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node add = graph.nodes[i];
    // Up to version 6 an axis could place the row elsewhere.
    if (add.op != "Add" || add.attributes.has("axis")) continue;
    for (const std::size_t product : {0U, 1U}) {
      Node* matmul = graph.private_producer(add.inputs[product], graph.nodes[i]);
      const ValueId bias = add.inputs[1 - product];
      if (matmul == nullptr || !fits(graph, *matmul, add, bias)) continue;
      matmul->op = "Gemm";
      matmul->inputs.push_back(bias);
      matmul->outputs = add.outputs;
      matmul->activation = add.activation;
      graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(i));
      --i;
      changed = true;
      break;
    }
  }
  return changed;
}

}  // namespace widepipe::model
