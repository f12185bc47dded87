#include "model/passes/remove_dead.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace widepipe::model {
namespace {

/// Whether an output depends on each value, by id.
std::vector<bool> needed_values(const Graph& graph) {
  std::vector<bool> needed(graph.values.size(), false);
  const auto need = [&needed](ValueId id) {
    if (id != kNoValue) needed[static_cast<std::size_t>(id)] = true;
  };
  for (const GraphOutput& output : graph.outputs) need(output.value);
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool used = std::any_of(node->outputs.begin(), node->outputs.end(), [&](ValueId id) {
      return id != kNoValue && needed[static_cast<std::size_t>(id)];
    });
    if (used) std::for_each(node->inputs.begin(), node->inputs.end(), need);
  }
  return needed;
}

/// Keeps the values marked in `kept` and renumbers them.
void compact_values(Graph& graph, const std::vector<bool>& kept) {
  std::vector<ValueId> new_id(graph.values.size(), kNoValue);
  std::vector<Value> values;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) continue;
    new_id[i] = static_cast<ValueId>(values.size());
    values.push_back(std::move(graph.values[i]));
  }
  graph.values = std::move(values);
  const auto renumber = [&new_id](ValueId& id) {
    if (id != kNoValue) id = new_id[static_cast<std::size_t>(id)];
  };
  for (Node& node : graph.nodes) {
    std::for_each(node.inputs.begin(), node.inputs.end(), renumber);
    std::for_each(node.outputs.begin(), node.outputs.end(), renumber);
  }
  for (GraphInput& input : graph.inputs) renumber(input.value);
  for (GraphOutput& output : graph.outputs) renumber(output.value);
}

}  // namespace

bool remove_dead(Graph& graph) {
  std::vector<bool> needed = needed_values(graph);
  const auto removed = std::erase_if(graph.nodes, [&needed](const Node& node) {
    return std::none_of(node.outputs.begin(), node.outputs.end(), [&needed](ValueId id) {
      return id != kNoValue && needed[static_cast<std::size_t>(id)];
    });
  });
  for (const GraphInput& input : graph.inputs) {
    needed[static_cast<std::size_t>(input.value)] = true;
  }
  const bool all_needed = std::find(needed.begin(), needed.end(), false) == needed.end();
  if (!all_needed) compact_values(graph, needed);
  return removed != 0 || !all_needed;
}

}  // namespace widepipe::model
