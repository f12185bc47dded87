#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/attributes.h"

namespace widepipe::kernels {

/// Trees of decisions as ai.onnx.ml writes them: parallel lists of nodes, and of weights that the
/// leaves give to classes or targets.
class TreeEnsemble {
 public:
  enum class Mode : std::uint8_t {
    kLeaf,
    kLessEqual,
    kLess,
    kGreaterEqual,
    kGreater,
    kEqual,
    kNotEqual
  };

  struct Weight {
    std::size_t target;
    double value;
  };

  /// `prefix` is "class" or "target". Every node must be there, have at most one parent, and read
  /// one of `columns` features; every weight must go to one of `targets`. Throws InputError naming
  /// the attribute, the tree and the node.
  TreeEnsemble(const Attributes& attributes, const std::string& prefix, std::int64_t columns,
               std::int64_t targets);

  std::size_t trees() const { return roots_.size(); }
  const std::vector<Weight>& weights() const { return weights_; }

  /// The weights of the leaf of this tree that a row ends at.
  template <typename T>
  std::span<const Weight> leaf(std::size_t tree, const T* row) const {
    const Node* node = &nodes_[roots_[tree]];
    while (node->mode != Mode::kLeaf) {
      node = &nodes_[holds(*node, static_cast<double>(row[node->feature])) ? node->yes : node->no];
    }
    return std::span(weights_).subspan(node->first_weight, node->weights);
  }

 private:
  struct Node {
    Mode mode = Mode::kLeaf;
    bool nan_holds = false;  ///< where a NaN goes
    std::size_t feature = 0;
    double threshold = 0.0;
    std::size_t yes = 0;
    std::size_t no = 0;
    std::size_t first_weight = 0;
    std::size_t weights = 0;
  };

  static bool holds(const Node& node, double value);
  void read_nodes(const Attributes& attributes, std::int64_t columns);
  void find_roots(const std::vector<bool>& has_parent);
  void read_weights(const Attributes& attributes, const std::string& prefix, std::int64_t targets);
  std::size_t index_of(std::int64_t tree, std::int64_t node, std::string_view attribute) const;

  std::vector<Node> nodes_;
  std::vector<std::pair<std::int64_t, std::int64_t>> ids_;  ///< of nodes: tree, node
  std::vector<std::size_t> by_id_;                          ///< nodes in order of their ids
  std::vector<std::size_t> roots_;                          ///< trees in the order of the file
  std::vector<Weight> weights_;                             ///< those of a leaf together
};

}  // namespace widepipe::kernels
