#pragma once

#include <cstddef>

#include "model/graph.h"

namespace widepipe::model {

/// Removes every node that `can_go` accepts, as `can_go(graph, node)`: its readers then read its
/// first input. True if any went.
template <typename Predicate>
bool bypass_nodes(Graph& graph, Predicate can_go) {
  bool changed = false;
  for (std::size_t i = 0; i < graph.nodes.size();) {
    if (!can_go(graph, graph.nodes[i])) {
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
