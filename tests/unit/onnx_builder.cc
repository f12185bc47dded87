#include "tests/unit/onnx_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <random>
#include <span>
#include <utility>

namespace widepipe::testing {
namespace {

onnx::AttributeProto attribute(std::string name, onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto proto;
  proto.set_name(std::move(name));
  proto.set_type(type);
  return proto;
}

void declare(onnx::ValueInfoProto& info, const std::string& name,
             const std::vector<std::string>& dims, int type) {
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  auto& shape = *tensor.mutable_shape();
  for (const std::string& text : dims) {
    auto& dim = *shape.add_dim();
    if (text == "?") continue;
    if (std::isalpha(static_cast<unsigned char>(text[0])) != 0) {
      dim.set_dim_param(text);
    } else {
      dim.set_dim_value(std::stoll(text));
    }
  }
}

template <typename T>
Tensor filled(DType dtype, const Shape& shape, const std::vector<T>& values) {
  Tensor tensor(dtype, shape);
  std::copy(values.begin(), values.end(), tensor.as<T>().begin());
  return tensor;
}

}  // namespace

Attr::Attr(std::string name, std::int64_t value)
    : proto(attribute(std::move(name), onnx::AttributeProto::INT)) {
  proto.set_i(value);
}

Attr::Attr(std::string name, float value)
    : proto(attribute(std::move(name), onnx::AttributeProto::FLOAT)) {
  proto.set_f(value);
}

Attr::Attr(std::string name, const char* value)
    : proto(attribute(std::move(name), onnx::AttributeProto::STRING)) {
  proto.set_s(value);
}

Attr::Attr(std::string name, std::vector<std::int64_t> values)
    : proto(attribute(std::move(name), onnx::AttributeProto::INTS)) {
  for (const std::int64_t value : values) proto.add_ints(value);
}

Attr::Attr(std::string name, std::vector<float> values)
    : proto(attribute(std::move(name), onnx::AttributeProto::FLOATS)) {
  for (const float value : values) proto.add_floats(value);
}

Attr::Attr(std::string name, const Tensor& value)
    : proto(attribute(std::move(name), onnx::AttributeProto::TENSOR)) {
  write_tensor(value, *proto.mutable_t());
}

Tensor random_tensor(const Shape& shape, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  Tensor tensor(DType::kF32, shape);
  for (float& value : tensor.as<float>()) value = uniform(generator);
  return tensor;
}

Tensor tensor_of(const Shape& shape, const std::vector<float>& values) {
  return filled(DType::kF32, shape, values);
}

Tensor tensor_of(const Shape& shape, const std::vector<std::int64_t>& values) {
  return filled(DType::kI64, shape, values);
}

void write_tensor(const Tensor& from, onnx::TensorProto& to) {
  for (const std::int64_t dim : from.shape()) to.add_dims(dim);
  switch (from.dtype()) {
    case DType::kI64:
      to.set_data_type(onnx::TensorProto::INT64);
      break;
    case DType::kBool:
      to.set_data_type(onnx::TensorProto::BOOL);
      break;
    default:
      to.set_data_type(onnx::TensorProto::FLOAT);
  }
  to.set_raw_data(from.data(), from.bytes());
}

OnnxBuilder::OnnxBuilder(std::int64_t opset) {
  model_.set_ir_version(8);
  auto& set = *model_.add_opset_import();
  set.set_domain("");
  set.set_version(opset);
  model_.mutable_graph()->set_name("test");
}

OnnxBuilder& OnnxBuilder::input(const std::string& name, const std::vector<std::string>& dims,
                                int type) {
  declare(*graph().add_input(), name, dims, type);
  return *this;
}

OnnxBuilder& OnnxBuilder::output(const std::string& name, const std::vector<std::string>& dims,
                                 int type) {
  declare(*graph().add_output(), name, dims, type);
  return *this;
}

OnnxBuilder& OnnxBuilder::output(const std::string& name) {
  graph().add_output()->set_name(name);
  return *this;
}

OnnxBuilder& OnnxBuilder::constant(const std::string& name, const Tensor& value) {
  onnx::TensorProto& proto = *graph().add_initializer();
  proto.set_name(name);
  write_tensor(value, proto);
  return *this;
}

OnnxBuilder& OnnxBuilder::weights(const std::string& name, const Shape& shape) {
  return constant(name, random_tensor(shape, seed_++));
}

OnnxBuilder& OnnxBuilder::node(const std::string& op, const std::vector<std::string>& inputs,
                               const std::vector<std::string>& outputs,
                               const std::vector<Attr>& attrs) {
  onnx::NodeProto& proto = *graph().add_node();
  proto.set_op_type(op);
  proto.set_name(outputs.empty() ? op : fmt::format("{}/{}", outputs[0], op));
  for (const std::string& name : inputs) proto.add_input(name);
  for (const std::string& name : outputs) proto.add_output(name);
  for (const Attr& attr : attrs) *proto.add_attribute() = attr.proto;
  return *this;
}

std::vector<std::byte> OnnxBuilder::bytes() const {
  const std::string text = model_.SerializeAsString();
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

}  // namespace widepipe::testing
