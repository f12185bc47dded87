#pragma once
// A model ready to be planned: the ONNX graph, imported, checked, folded and fused.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "kernels/kernel.h"
#include "model/binding.h"
#include "model/external_files.h"
#include "model/graph.h"
#include "model/onnx_import.h"

namespace widepipe::model {

/// An input or output of the model, seen a row at a time.
struct Port {
  std::string name;
  DType dtype;
  Shape row_shape;  ///< without the batch axis
  std::size_t bytes_per_row;
  std::size_t batch_axis = 0;  ///< in the model's file; buffers have the rows first
};

/// Of a row of all the ports together.
std::size_t bytes_per_row(std::span<const Port> ports);

/// An input as the model declares it.
struct DeclaredInput {
  std::string name;
  DType dtype;
  DeclaredShape shape;
};

/// What a model says of itself before anything is bound.
struct Declared {
  std::vector<DeclaredInput> inputs;
  std::vector<std::string> outputs;
};

/// The type of an output of a single row.
struct RowType {
  DType dtype;
  Shape shape;
};

class Model;
/// For a device that imports ONNX models itself: the types that the outputs of these names have
/// there, of a model of which nothing but the inputs is known. Throws InputError with the reason
/// if the device cannot run it either.
using OutputsElsewhere =
    std::function<std::vector<RowType>(const Model&, const std::vector<std::string>&)>;

struct ModelOptions {
  ExternalFiles external;
  /// Called once; what it says gives the inputs their shapes. Without it every dimension but the
  /// batch must be fixed.
  std::function<Binding(const Declared&)> bind;
  /// Set for a device that imports ONNX models itself: keeps what such a device needs, and a model
  /// whose graph cannot be imported here is no error if this knows its outputs.
  OutputsElsewhere outputs_elsewhere = {};
};

/// Immutable and shared by every plan and instance of a rank.
class Model {
 public:
  /// Imports an ONNX model from the bytes of its file. `label` (the file's name) starts every
  /// message. A model that cannot take a batch is bound to run its rows one at a time. Throws
  /// InputError: not ONNX, truncated, dangling input, unknown operator (with node, operator and
  /// version), an input without a batch axis ...
  static std::shared_ptr<const Model> from_bytes(std::span<const std::byte> bytes,
                                                 std::string_view label,
                                                 const ModelOptions& options = {});

  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }
  /// Empty if why_no_graph() says so.
  const Graph& graph() const { return graph_; }
  /// Why the model runs only on a device that imports it itself; empty if the graph is here. Rows
  /// of such a model go one at a time: nothing shows that they could go together.
  const std::string& why_no_graph() const { return why_no_graph_; }
  /// The ONNX model with all its weights, for a device that imports it itself; otherwise empty.
  std::span<const std::byte> onnx() const { return onnx_; }
  /// What plans have packed of the constants, for all plans of this model. Thread-safe.
  const std::shared_ptr<kernels::WeightStore>& packed_weights() const { return packed_weights_; }
  /// How the inputs were bound; one_row_reason says why rows go one at a time, if they do.
  const Binding& binding() const { return binding_; }
  /// Rows that may run together.
  std::int64_t max_batch() const {
    return binding_.one_row_reason.empty() ? std::numeric_limits<std::int64_t>::max() : 1;
  }
  /// Identity of the bytes of its files (core/hash.h).
  const std::string& hash() const { return hash_; }
  const std::string& label() const { return label_; }
  /// Elements of all initializers, as imported.
  std::int64_t parameter_count() const { return parameter_count_; }
  /// Multiply-adds of one row: Conv, Gemm, MatMul.
  std::int64_t multiply_adds_per_row() const;

 private:
  Model() = default;
  void build(std::span<const std::byte> bytes, const ImportOptions& options);
  void build_ports(std::span<const std::byte> bytes, const ImportOptions& options,
                   const OutputsElsewhere& outputs_elsewhere);

  std::string label_;
  std::string hash_;
  Graph graph_;
  std::string why_no_graph_;
  std::vector<std::byte> onnx_;
  const std::shared_ptr<kernels::WeightStore> packed_weights_ =
      std::make_shared<kernels::WeightStore>();
  Binding binding_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
  std::int64_t parameter_count_ = 0;
};

}  // namespace widepipe::model
