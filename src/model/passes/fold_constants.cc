#include "model/passes/fold_constants.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "model/evaluate.h"

namespace widepipe::model {
namespace {

bool is_constant(const Graph& graph, const Node& node) {
  return !graph.is_output(node.outputs[0]) &&
         std::all_of(node.inputs.begin(), node.inputs.end(), [&graph](ValueId id) {
           return id == kNoValue || graph.value(id).constant != nullptr;
         });
}

Tensor compute(const Graph& graph, const Node& node) {
  std::vector<const Tensor*> inputs;
  for (const ValueId id : node.inputs) {
    inputs.push_back(id == kNoValue ? nullptr : graph.value(id).constant.get());
  }
  return evaluate_node(graph, node, 1, inputs);
}

}  // namespace

bool fold_constants(Graph& graph) {
  // In order, so that a chain of constants folds in one go.
  const auto folded = std::erase_if(graph.nodes, [&graph](const Node& node) {
    if (!is_constant(graph, node)) return false;
    graph.value(node.outputs[0]).constant = std::make_shared<const Tensor>(compute(graph, node));
    return true;
  });
  return folded != 0;
}

}  // namespace widepipe::model
