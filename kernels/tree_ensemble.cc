#include "kernels/tree_ensemble.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.h"

namespace widepipe::kernels {
namespace {

using Mode = TreeEnsemble::Mode;

constexpr auto kModes = std::to_array<std::pair<std::string_view, Mode>>({
    {"LEAF", Mode::kLeaf},
    {"BRANCH_LEQ", Mode::kLessEqual},
    {"BRANCH_LT", Mode::kLess},
    {"BRANCH_GTE", Mode::kGreaterEqual},
    {"BRANCH_GT", Mode::kGreater},
    {"BRANCH_EQ", Mode::kEqual},
    {"BRANCH_NEQ", Mode::kNotEqual},
});

Mode mode_of(const std::string& name) {
  const auto* found = std::find_if(kModes.begin(), kModes.end(),
                                   [&](const auto& mode) { return mode.first == name; });
  if (found == kModes.end()) {
    throw_input_error("attribute nodes_modes: expected LEAF or a BRANCH_ comparison, found {}",
                      name);
  }
  return found->second;
}

void require_size(std::string_view attribute, std::size_t found, std::size_t expected) {
  if (found == expected) return;
  throw_input_error("attribute {}: expected {} elements, found {}", attribute, expected, found);
}

/// A list of numbers: floats, or a tensor of f32 or f64 named with "_as_tensor".
std::vector<double> reals_of(const Attributes& attributes, const std::string& name) {
  const auto tensor = attributes.tensor(name + "_as_tensor");
  if (tensor == nullptr) {
    const std::vector<float> list = attributes.reals(name);
    return {list.begin(), list.end()};
  }
  if (tensor->dtype() == DType::kF64) {
    return {tensor->as<double>().begin(), tensor->as<double>().end()};
  }
  if (tensor->dtype() != DType::kF32) {
    throw_input_error("attribute {}_as_tensor: expected f32 or f64, found {}", name,
                      name_of(tensor->dtype()));
  }
  return {tensor->as<float>().begin(), tensor->as<float>().end()};
}

/// A list that has one integer for each of `count`.
std::vector<std::int64_t> integers_of(const Attributes& attributes, const std::string& name,
                                      std::size_t count) {
  std::vector<std::int64_t> list = attributes.integers(name);
  require_size(name, list.size(), count);
  return list;
}

}  // namespace

TreeEnsemble::TreeEnsemble(const Attributes& attributes, const std::string& prefix,
                           std::int64_t columns, std::int64_t targets) {
  read_nodes(attributes, columns);
  read_weights(attributes, prefix, targets);
}

bool TreeEnsemble::holds(const Node& node, double value) {
  if (std::isnan(value) && node.nan_holds) return true;
  switch (node.mode) {
    case Mode::kLessEqual:
      return value <= node.threshold;
    case Mode::kLess:
      return value < node.threshold;
    case Mode::kGreaterEqual:
      return value >= node.threshold;
    case Mode::kGreater:
      return value > node.threshold;
    case Mode::kEqual:
      return value == node.threshold;
    case Mode::kNotEqual:
      return value != node.threshold;
    case Mode::kLeaf:
      break;
  }
  return false;
}

std::size_t TreeEnsemble::index_of(std::int64_t tree, std::int64_t node,
                                   std::string_view attribute) const {
  const std::pair id(tree, node);
  const auto found =
      std::lower_bound(by_id_.begin(), by_id_.end(), id,
                       [&](std::size_t i, const auto& key) { return ids_[i] < key; });
  if (found == by_id_.end() || ids_[*found] != id) {
    throw_input_error("attribute {}: tree {} has no node {}", attribute, tree, node);
  }
  return *found;
}

void TreeEnsemble::read_nodes(const Attributes& attributes, std::int64_t columns) {
  const std::vector<std::string> modes = attributes.texts("nodes_modes");
  const std::size_t count = modes.size();
  if (count == 0) throw_input_error("attribute nodes_modes is missing: there are no trees");
  const auto trees = integers_of(attributes, "nodes_treeids", count);
  const auto numbers = integers_of(attributes, "nodes_nodeids", count);
  const auto features = integers_of(attributes, "nodes_featureids", count);
  const auto yes = integers_of(attributes, "nodes_truenodeids", count);
  const auto no = integers_of(attributes, "nodes_falsenodeids", count);
  const auto thresholds = reals_of(attributes, "nodes_values");
  require_size("nodes_values", thresholds.size(), count);
  const auto nan_holds =
      attributes.integers("nodes_missing_value_tracks_true", std::vector<std::int64_t>(count, 0));
  require_size("nodes_missing_value_tracks_true", nan_holds.size(), count);

  for (std::size_t i = 0; i < count; ++i) ids_.emplace_back(trees[i], numbers[i]);
  by_id_.resize(count);
  std::iota(by_id_.begin(), by_id_.end(), 0);
  std::stable_sort(by_id_.begin(), by_id_.end(),
                   [&](std::size_t a, std::size_t b) { return ids_[a] < ids_[b]; });
  std::vector<bool> has_parent(count, false);
  // With one parent at most, no way down from a root can come back to where it was.
  const auto child = [&](std::size_t i, std::int64_t node, const char* attribute) {
    const std::size_t index = index_of(trees[i], node, attribute);
    if (has_parent[index]) {
      throw_input_error("attribute {}: node {} of tree {} has two parents", attribute, node,
                        trees[i]);
    }
    has_parent[index] = true;
    return index;
  };
  nodes_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    Node& node = nodes_[i];
    node.mode = mode_of(modes[i]);
    if (node.mode == Mode::kLeaf) continue;
    if (features[i] < 0 || features[i] >= columns) {
      throw_input_error("attribute nodes_featureids: node {} of tree {} reads feature {} of {}",
                        numbers[i], trees[i], features[i], columns);
    }
    node.feature = static_cast<std::size_t>(features[i]);
    node.threshold = thresholds[i];
    node.nan_holds = nan_holds[i] != 0;
    node.yes = child(i, yes[i], "nodes_truenodeids");
    node.no = child(i, no[i], "nodes_falsenodeids");
  }
  find_roots(has_parent);
}

void TreeEnsemble::find_roots(const std::vector<bool>& has_parent) {
  std::vector<std::int64_t> rooted;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (has_parent[i]) continue;
    roots_.push_back(i);
    rooted.push_back(ids_[i].first);
  }
  std::sort(rooted.begin(), rooted.end());
  const auto twice = std::adjacent_find(rooted.begin(), rooted.end());
  if (twice != rooted.end()) {
    throw_input_error("attribute nodes_treeids: tree {} has more than one root", *twice);
  }
  // What is in a circle has parents but no root.
  std::vector<std::size_t> below = roots_;
  for (std::size_t i = 0; i < below.size(); ++i) {
    const Node& node = nodes_[below[i]];
    if (node.mode != Mode::kLeaf) below.insert(below.end(), {node.yes, node.no});
  }
  if (below.size() != nodes_.size()) {
    throw_input_error(
        "attribute nodes_truenodeids: {} of {} nodes are not below the root of their tree",
        nodes_.size() - below.size(), nodes_.size());
  }
}

void TreeEnsemble::read_weights(const Attributes& attributes, const std::string& prefix,
                                std::int64_t targets) {
  const auto values = reals_of(attributes, prefix + "_weights");
  const auto trees = integers_of(attributes, prefix + "_treeids", values.size());
  const auto numbers = integers_of(attributes, prefix + "_nodeids", values.size());
  const auto ids = integers_of(attributes, prefix + "_ids", values.size());
  std::vector<std::size_t> leaves;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= targets) {
      throw_input_error("attribute {}_ids: expected numbers from 0 to {}, found {}", prefix,
                        targets - 1, ids[i]);
    }
    leaves.push_back(index_of(trees[i], numbers[i], prefix + "_nodeids"));
    ++nodes_[leaves.back()].weights;
  }
  std::size_t next = 0;
  for (Node& node : nodes_) {
    node.first_weight = next;
    next += std::exchange(node.weights, 0);
  }
  weights_.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    Node& node = nodes_[leaves[i]];
    weights_[node.first_weight + node.weights++] = {static_cast<std::size_t>(ids[i]), values[i]};
  }
}

}  // namespace widepipe::kernels
