#pragma once
// Writes small ONNX models, sound and broken, for tests.

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace widepipe::testing {

/// An attribute of a node.
struct Attr {
  Attr(std::string name, std::int64_t value);
  Attr(std::string name, int value) : Attr(std::move(name), std::int64_t{value}) {}
  Attr(std::string name, float value);
  Attr(std::string name, const char* value);
  Attr(std::string name, std::vector<std::int64_t> values);
  Attr(std::string name, std::vector<float> values);
  Attr(std::string name, const Tensor& value);

  onnx::AttributeProto proto;
};

/// Of random values in [-1, 1), the same for the same seed.
Tensor random_tensor(const Shape& shape, std::uint32_t seed);
Tensor tensor_of(const Shape& shape, const std::vector<float>& values);
Tensor tensor_of(const Shape& shape, const std::vector<std::int64_t>& values);

void write_tensor(const Tensor& from, onnx::TensorProto& to);

/// Dimensions are written as text: "N" is symbolic, "3" a size, "?" unknown.
class OnnxBuilder {
 public:
  explicit OnnxBuilder(std::int64_t opset = 13);

  OnnxBuilder& input(const std::string& name, const std::vector<std::string>& dims,
                     int type = onnx::TensorProto::FLOAT);
  OnnxBuilder& output(const std::string& name, const std::vector<std::string>& dims,
                      int type = onnx::TensorProto::FLOAT);
  /// An output without a declared type.
  OnnxBuilder& output(const std::string& name);
  OnnxBuilder& constant(const std::string& name, const Tensor& value);
  /// A constant of random values.
  OnnxBuilder& weights(const std::string& name, const Shape& shape);
  /// Its name is that of its first output, with "/" and the operator behind.
  OnnxBuilder& node(const std::string& op, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs, const std::vector<Attr>& attrs = {});

  onnx::ModelProto& model() { return model_; }
  onnx::GraphProto& graph() { return *model_.mutable_graph(); }
  onnx::NodeProto& last_node() { return *graph().mutable_node(graph().node_size() - 1); }
  std::vector<std::byte> bytes() const;

 private:
  onnx::ModelProto model_;
  std::uint32_t seed_ = 1;
};

}  // namespace widepipe::testing
