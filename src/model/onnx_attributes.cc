#include "model/onnx_attributes.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "model/onnx_tensor.h"

namespace widepipe::model {
namespace {

using Value = kernels::Attributes::Value;

Value read_tensor_attribute(const onnx::AttributeProto& attribute, const ExternalFiles& external) {
  try {
    return std::make_shared<const Tensor>(read_tensor(attribute.t(), external));
  } catch (const InputError& error) {
    throw_input_error("attribute {}: {}", attribute.name(), error.what());
  }
}

Value read_value(const onnx::AttributeProto& attribute, const ExternalFiles& external) {
  switch (attribute.type()) {
    case onnx::AttributeProto::FLOAT:
      return attribute.f();
    case onnx::AttributeProto::INT:
      return std::int64_t{attribute.i()};
    case onnx::AttributeProto::STRING:
      return attribute.s();
    case onnx::AttributeProto::TENSOR:
      return read_tensor_attribute(attribute, external);
    case onnx::AttributeProto::FLOATS:
      return std::vector<float>(attribute.floats().begin(), attribute.floats().end());
    case onnx::AttributeProto::INTS:
      return std::vector<std::int64_t>(attribute.ints().begin(), attribute.ints().end());
    case onnx::AttributeProto::STRINGS:
      return std::vector<std::string>(attribute.strings().begin(), attribute.strings().end());
    case onnx::AttributeProto::GRAPH:
    case onnx::AttributeProto::GRAPHS:
      throw_input_error("attribute {} holds a subgraph, which is not supported", attribute.name());
    default:
      throw_input_error("attribute {} is of kind {}, which is not supported", attribute.name(),
                        onnx::AttributeProto::AttributeType_Name(attribute.type()));
  }
}

}  // namespace

kernels::Attributes read_attributes(const onnx::NodeProto& node, const ExternalFiles& external) {
  kernels::Attributes attributes;
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (!attribute.ref_attr_name().empty()) {
      throw_input_error("attribute {} refers to attribute {} of a function, which is not supported",
                        attribute.name(), attribute.ref_attr_name());
    }
    attributes.set(attribute.name(), read_value(attribute, external));
  }
  return attributes;
}

}  // namespace widepipe::model
