#pragma once
// A model ready to be planned: the ONNX graph, imported, checked, folded and fused.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "model/graph.h"

namespace widepipe::model {

/// An input or output of the model, seen a row at a time.
struct Port {
  std::string name;
  DType dtype;
  Shape row_shape;  ///< without the batch axis
  std::size_t bytes_per_row;
};

/// Of a row of all the ports together.
std::size_t bytes_per_row(std::span<const Port> ports);

/// Immutable and shared by every plan and instance of a rank.
class Model {
 public:
  /// Imports an ONNX model from the bytes of its file. `label` (the file's name) starts every
  /// message. Throws InputError: not ONNX, truncated, dangling input, unknown operator (with
  /// node, operator and version), an input without a symbolic or unit batch axis 0 ...
  static std::shared_ptr<const Model> from_bytes(std::span<const std::byte> bytes,
                                                 std::string_view label);

  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }
  const Graph& graph() const { return graph_; }
  /// Identity of the file's bytes (core/hash.h).
  const std::string& hash() const { return hash_; }
  const std::string& label() const { return label_; }
  /// Elements of all initializers, as imported.
  std::int64_t parameter_count() const { return parameter_count_; }
  /// Multiply-adds of one row: Conv, Gemm, MatMul.
  std::int64_t multiply_adds_per_row() const;

 private:
  Model() = default;
  std::string label_;
  std::string hash_;
  Graph graph_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
  std::int64_t parameter_count_ = 0;
};

}  // namespace widepipe::model
