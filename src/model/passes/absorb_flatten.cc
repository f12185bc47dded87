#include "model/passes/absorb_flatten.h"

#include <algorithm>

#include "model/passes/bypass.h"

namespace widepipe::model {
namespace {

/// True if the node makes a matrix of all that a row of its input holds.
bool flattens_rows(const Graph& graph, const Node& node) {
  if (node.op != "Flatten" && node.op != "Reshape") return false;
  const SymShape& from = graph.value(node.inputs[0]).shape;
  const SymShape& to = graph.value(node.outputs[0]).shape;
  return from.size() >= 2 && to.size() == 2 && from[0] == to[0];
}

bool reads_as_rows(const Node& gemm, ValueId id) {
  return gemm.op == "Gemm" && gemm.attributes.integer("transA", 0) == 0 && gemm.inputs[0] == id &&
         std::count(gemm.inputs.begin(), gemm.inputs.end(), id) == 1;
}

bool absorbable(const Graph& graph, const Node& node) {
  if (!flattens_rows(graph, node) || graph.is_output(node.outputs[0])) return false;
  const auto readers = graph.consumers(node.outputs[0]);
  return std::all_of(readers.begin(), readers.end(), [&](std::size_t reader) {
    return reads_as_rows(graph.nodes[reader], node.outputs[0]);
  });
}

}  // namespace

bool absorb_flatten(Graph& graph) { return bypass_nodes(graph, absorbable); }

}  // namespace widepipe::model
