#include "core/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace widepipe {
namespace {

struct DTypeInfo {
  std::size_t size;
  std::string_view name;
};

constexpr std::array<DTypeInfo, 12> kDTypes = {{{0, "undefined"},
                                                {4, "f32"},
                                                {8, "f64"},
                                                {1, "i8"},
                                                {2, "i16"},
                                                {4, "i32"},
                                                {8, "i64"},
                                                {1, "u8"},
                                                {2, "u16"},
                                                {4, "u32"},
                                                {8, "u64"},
                                                {1, "bool"}}};

}  // namespace

std::size_t size_of(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].size; }
std::string_view name_of(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].name; }

std::int64_t element_count(std::span<const std::int64_t> shape) {
  std::int64_t count = 1;
  for (const std::int64_t dim : shape) {
    if (dim < 0 || __builtin_mul_overflow(count, dim, &count)) {
      throw_input_error("shape {}: the number of elements is negative or beyond 63 bits",
                        to_string(shape));
    }
  }
  return count;
}

std::string to_string(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", "));
}

Tensor::Tensor(DType dtype, Shape shape)
    : dtype_(dtype),
      shape_(std::move(shape)),
      count_(element_count(shape_)),
      buffer_(static_cast<std::size_t>(count_) * size_of(dtype)) {
  if (!buffer_.empty()) std::memset(buffer_.data(), 0, buffer_.size());
}

}  // namespace widepipe
