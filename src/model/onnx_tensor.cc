#include "model/onnx_tensor.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace widepipe::model {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

/// Where a tensor without raw_data keeps elements of this type: how many, and copied as what.
template <typename T, typename Field>
void copy_field(const Field& field, Tensor& tensor) {
  std::transform(field.begin(), field.end(), tensor.as<T>().begin(),
                 [](auto value) { return static_cast<T>(value); });
}

std::int64_t field_size(const onnx::TensorProto& proto, DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return proto.float_data_size();
    case DType::kF64:
      return proto.double_data_size();
    case DType::kI64:
      return proto.int64_data_size();
    case DType::kU32:
    case DType::kU64:
      return proto.uint64_data_size();
    default:
      return proto.int32_data_size();
  }
}

void copy_field(const onnx::TensorProto& proto, Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::kF32:
      return copy_field<float>(proto.float_data(), tensor);
    case DType::kF64:
      return copy_field<double>(proto.double_data(), tensor);
    case DType::kI8:
      return copy_field<std::int8_t>(proto.int32_data(), tensor);
    case DType::kI16:
      return copy_field<std::int16_t>(proto.int32_data(), tensor);
    case DType::kI32:
      return copy_field<std::int32_t>(proto.int32_data(), tensor);
    case DType::kI64:
      return copy_field<std::int64_t>(proto.int64_data(), tensor);
    case DType::kU8:
    case DType::kBool:
      return copy_field<std::uint8_t>(proto.int32_data(), tensor);
    case DType::kU16:
      return copy_field<std::uint16_t>(proto.int32_data(), tensor);
    case DType::kU32:
      return copy_field<std::uint32_t>(proto.uint64_data(), tensor);
    case DType::kU64:
      return copy_field<std::uint64_t>(proto.uint64_data(), tensor);
    case DType::kUndefined:
      break;
  }
}

std::string external_field(const onnx::TensorProto& proto, std::string_view key) {
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == key) return entry.value();
  }
  return "";
}

/// A number of bytes, `absent` if the tensor does not say.
std::uint64_t external_number(const onnx::TensorProto& proto, std::string_view key,
                              std::uint64_t absent) {
  const std::string text = external_field(proto, key);
  if (text.empty()) return absent;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw_input_error("external data, {}: expected a number of bytes, found '{}'", key, text);
  }
  return value;
}

Tensor read_external(const onnx::TensorProto& proto, const ExternalFiles& external) {
  const std::string location = external_field(proto, "location");
  const auto file = external.find(location);
  if (file == external.end()) {
    throw_input_error("its elements are in file '{}', which was not given with the model",
                      location);
  }
  const DType dtype = dtype_of(proto.data_type());
  Shape shape(proto.dims().begin(), proto.dims().end());
  const std::uint64_t count = static_cast<std::uint64_t>(element_count(shape));
  const std::uint64_t size = file->second.size();
  const std::uint64_t offset = external_number(proto, "offset", 0);
  const std::uint64_t length = external_number(proto, "length", count * size_of(dtype));
  if (length / size_of(dtype) != count || length % size_of(dtype) != 0) {
    throw_input_error("shape {} of {} needs {} elements, but {} bytes of file '{}' hold them",
                      to_string(shape), name_of(dtype), count, length, location);
  }
  if (offset > size || length > size - offset) {
    throw_input_error("its {} bytes from byte {} on lie beyond the end of file '{}' ({} bytes)",
                      length, offset, location, size);
  }
  Tensor tensor(dtype, std::move(shape));
  if (length != 0) std::memcpy(tensor.data(), file->second.data() + offset, length);
  return tensor;
}

}  // namespace

std::string external_location(const onnx::TensorProto& proto) {
  return proto.data_location() == onnx::TensorProto::EXTERNAL ? external_field(proto, "location")
                                                              : std::string();
}

Tensor read_tensor(const onnx::TensorProto& proto, const ExternalFiles& external) {
  if (proto.data_location() == onnx::TensorProto::EXTERNAL) return read_external(proto, external);
  if (proto.has_segment()) throw_input_error("tensors in segments are not supported");
  const DType dtype = dtype_of(proto.data_type());
  Shape shape(proto.dims().begin(), proto.dims().end());
  const auto expected = static_cast<std::uint64_t>(element_count(shape));
  // What is there is compared before anything of the stated size is allocated.
  if (proto.has_raw_data()) {
    const std::string& raw = proto.raw_data();
    if (raw.size() % size_of(dtype) != 0 || raw.size() / size_of(dtype) != expected) {
      throw_input_error("shape {} of {} needs {} elements, found {} bytes; is the file truncated?",
                        to_string(shape), name_of(dtype), expected, raw.size());
    }
    Tensor tensor(dtype, std::move(shape));
    if (!raw.empty()) std::memcpy(tensor.data(), raw.data(), raw.size());
    return tensor;
  }
  const auto found = static_cast<std::uint64_t>(field_size(proto, dtype));
  if (found != expected) {
    throw_input_error("shape {} of {} needs {} elements, found {}; is the file truncated?",
                      to_string(shape), name_of(dtype), expected, found);
  }
  Tensor tensor(dtype, std::move(shape));
  copy_field(proto, tensor);
  return tensor;
}

}  // namespace widepipe::model
