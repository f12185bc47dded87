#include "model/onnx_constant.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/error.h"

namespace widepipe::model {
namespace {

template <typename T>
std::shared_ptr<const Tensor> tensor_of(DType dtype, Shape shape, std::span<const T> values) {
  Tensor tensor(dtype, std::move(shape));
  std::copy(values.begin(), values.end(), tensor.as<T>().begin());
  return std::make_shared<const Tensor>(std::move(tensor));
}

}  // namespace

std::shared_ptr<const Tensor> read_constant(const kernels::Attributes& attributes) {
  if (auto tensor = attributes.tensor("value")) return tensor;
  if (attributes.has("value_float")) {
    const float value = attributes.real("value_float", 0.0F);
    return tensor_of<float>(DType::kF32, {}, std::span(&value, 1));
  }
  if (attributes.has("value_int")) {
    const std::int64_t value = attributes.integer("value_int", 0);
    return tensor_of<std::int64_t>(DType::kI64, {}, std::span(&value, 1));
  }
  if (attributes.has("value_floats")) {
    const auto values = attributes.reals("value_floats");
    return tensor_of<float>(DType::kF32, {static_cast<std::int64_t>(values.size())}, values);
  }
  if (attributes.has("value_ints")) {
    const auto values = attributes.integers("value_ints");
    return tensor_of<std::int64_t>(DType::kI64, {static_cast<std::int64_t>(values.size())}, values);
  }
  throw_input_error(
      "expected an attribute value, value_float(s) or value_int(s); strings and sparse tensors are "
      "not supported");
}

Value constant_value(std::shared_ptr<const Tensor> tensor) {
  Value value;
  value.dtype = tensor->dtype();
  value.shape = fixed_shape(tensor->shape());
  value.constant = std::move(tensor);
  return value;
}

}  // namespace widepipe::model
