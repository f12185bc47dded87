#include "model/graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace widepipe::model {

std::string to_string(const DeclaredShape& shape) {
  std::vector<std::string> dims;
  for (const DeclaredDim& dim : shape) {
    dims.push_back(dim.size ? fmt::format("{}", *dim.size) : dim.name.empty() ? "?" : dim.name);
  }
  return fmt::format("[{}]", fmt::join(dims, ", "));
}

ValueId Graph::add_value(Value value) {
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size() - 1);
}

std::optional<std::size_t> Graph::producer(ValueId id) const {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& made = nodes[i].outputs;
    if (std::find(made.begin(), made.end(), id) != made.end()) return i;
  }
  return std::nullopt;
}

std::vector<std::size_t> Graph::consumers(ValueId id) const {
  std::vector<std::size_t> readers;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto times = std::count(nodes[i].inputs.begin(), nodes[i].inputs.end(), id);
    readers.insert(readers.end(), static_cast<std::size_t>(times), i);
  }
  return readers;
}

bool Graph::is_output(ValueId id) const {
  return std::any_of(outputs.begin(), outputs.end(),
                     [id](const GraphOutput& output) { return output.value == id; });
}

Node* Graph::private_producer(ValueId id, const Node& reader) {
  if (id == kNoValue || is_output(id)) return nullptr;
  const auto readers = consumers(id);
  if (readers.size() != 1 || &nodes[readers.front()] != &reader) return nullptr;
  const auto made_by = producer(id);
  return made_by ? &nodes[*made_by] : nullptr;
}

void Graph::replace_uses(ValueId from, ValueId to) {
  for (Node& node : nodes) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  for (GraphOutput& output : outputs) {
    if (output.value == from) output.value = to;
  }
}

std::string describe(const Node& node) {
  return node.name.empty() ? fmt::format("node #{}", node.index)
                           : fmt::format("node '{}' (#{})", node.name, node.index);
}

bool has_input(const Node& node, std::size_t i) {
  return i < node.inputs.size() && node.inputs[i] != kNoValue;
}

}  // namespace widepipe::model
