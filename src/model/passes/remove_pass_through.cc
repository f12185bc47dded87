#include "model/passes/remove_pass_through.h"

namespace widepipe::model {
namespace {

bool removable(const Graph& graph, const Node& node) {
  if (node.op != "Identity" || !node.activation.none()) return false;
  const ValueId from = node.inputs[0];
  return !graph.is_output(node.outputs[0]) || (graph.producer(from) && !graph.is_output(from));
}

}  // namespace

bool remove_pass_through(Graph& graph) {
  bool changed = false;
  for (std::size_t i = 0; i < graph.nodes.size();) {
    if (!removable(graph, graph.nodes[i])) {
      ++i;
      continue;
    }
    graph.replace_uses(graph.nodes[i].outputs[0], graph.nodes[i].inputs[0]);
    graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(i));
    changed = true;
  }
  return changed;
}

}  // namespace widepipe::model
