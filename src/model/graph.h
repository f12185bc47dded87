#pragma once
// A model as values and the nodes that make them. Passes rewrite it; plans read it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "kernels/attributes.h"
#include "kernels/kernel.h"
#include "model/sym_shape.h"

namespace widepipe::model {

/// Index into Graph::values.
using ValueId = std::int32_t;
/// Stands for an optional input or output that the model leaves out.
inline constexpr ValueId kNoValue = -1;

/// What flows along an edge of the graph.
struct Value {
  std::string name;
  DType dtype = DType::kUndefined;  ///< known of inputs and constants; else by shape inference
  SymShape shape = {};              ///< likewise
  /// The elements, if they do not depend on the inputs.
  std::shared_ptr<const Tensor> constant = {};
  /// The elements of an integer value of at most one axis, if they follow from the number of rows:
  /// parts of a shape. Not set where `constant` is.
  std::optional<std::vector<Dim>> contents = {};

  /// The elements are known before any input is.
  bool known() const { return constant != nullptr || contents.has_value(); }
};

struct Node {
  std::string name;  ///< as in the model; may be empty
  std::string op;    ///< ONNX operator type, with its domain before it unless that is ai.onnx
  int index = 0;     ///< position in the model's file
  int version = 0;   ///< operator set version that the model imports
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  kernels::Attributes attributes;
  kernels::Activation activation;  ///< fused into this node
};

/// A dimension as a model declares it: a size, or a name, or neither.
struct DeclaredDim {
  std::optional<std::int64_t> size;
  std::string name;
};
using DeclaredShape = std::vector<DeclaredDim>;
/// "[N, 3, ?]".
std::string to_string(const DeclaredShape& shape);

struct GraphInput {
  ValueId value = kNoValue;
  DeclaredShape declared;
  std::size_t batch_axis = 0;  ///< in the model's file; `value` has the rows first
};

struct GraphOutput {
  std::string name;
  ValueId value = kNoValue;
  DType declared_dtype = DType::kUndefined;  ///< kUndefined if the model does not say
  std::optional<DeclaredShape> declared = {};
  std::size_t batch_axis = 0;  ///< in the model's file; `value` has the rows first
};

/// Nodes are in an order in which every value is made before it is read. Each value is made by
/// one node, or is an input, or a constant; each is at most one of the outputs, and no input or
/// constant is an output.
struct Graph {
  std::string label;  ///< starts every message: the name of the model's file
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<GraphInput> inputs;
  std::vector<GraphOutput> outputs;

  Value& value(ValueId id) { return values.at(static_cast<std::size_t>(id)); }
  const Value& value(ValueId id) const { return values.at(static_cast<std::size_t>(id)); }
  ValueId add_value(Value value);

  /// Index of the node that makes the value, if one does.
  std::optional<std::size_t> producer(ValueId id) const;
  /// Indices of the nodes that read the value, ascending; a node that reads it twice occurs twice.
  std::vector<std::size_t> consumers(ValueId id) const;
  bool is_output(ValueId id) const;
  /// The node that makes the value, if `reader` is all that reads it and it is not an output.
  Node* private_producer(ValueId id, const Node& reader);
  /// Makes all readers of one value, and the outputs, read another.
  void replace_uses(ValueId from, ValueId to);
};

/// "node 'conv1' (#3)", or "node #3" if it has no name.
std::string describe(const Node& node);

/// True if input `i` is there.
bool has_input(const Node& node, std::size_t i);

}  // namespace widepipe::model
