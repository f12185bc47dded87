#include "model/passes/remove_pass_through.h"

#include "model/passes/bypass.h"

namespace widepipe::model {
namespace {

bool removable(const Graph& graph, const Node& node) {
  if (node.op != "Identity" || !node.activation.none()) return false;
  const ValueId from = node.inputs[0];
  return !graph.is_output(node.outputs[0]) || (graph.producer(from) && !graph.is_output(from));
}

}  // namespace

bool remove_pass_through(Graph& graph) { return bypass_nodes(graph, removable); }

}  // namespace widepipe::model
