#include "model/passes/fold_constants.h"

#include <algorithm>
#include <vector>

namespace widepipe::model {

bool fold_constants(Graph& graph) {
  const auto folded = std::erase_if(graph.nodes, [&graph](const Node& node) {
    return std::all_of(node.outputs.begin(), node.outputs.end(),
                       [&graph](ValueId id) { return id == kNoValue || graph.value(id).known(); });
  });
  return folded != 0;
}

}  // namespace widepipe::model
