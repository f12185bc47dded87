#include "model/passes/sum_to_add.h"

#include <algorithm>

namespace widepipe::model {

bool sum_to_add(Graph& graph) {
  constexpr int kBroadcasts = 7;  // before, an Add had other rules than any Sum
  bool changed = false;
  for (Node& node : graph.nodes) {
    if (node.op != "Sum" || node.inputs.size() != 2) continue;
    node.op = "Add";
    node.version = std::max(node.version, kBroadcasts);
    changed = true;
  }
  return changed;
}

}  // namespace widepipe::model
