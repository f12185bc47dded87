#include "jobs/constant_input.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "model/graph.h"

namespace widepipe::jobs {
namespace {

constexpr std::size_t kShownValues = 8;

/// Nothing if so many values do not fit.
std::optional<Shape> shape_for(const model::DeclaredShape& declared, std::int64_t values) {
  Shape shape;
  for (const model::DeclaredDim& dim : declared) shape.push_back(dim.size.value_or(1));
  const std::int64_t fixed = element_count(shape);
  if (values == 1 || values == fixed) return shape;
  const auto open = [](const model::DeclaredDim& dim) { return !dim.size; };
  const auto first = std::find_if(declared.begin(), declared.end(), open);
  const bool one_open = std::count_if(declared.begin(), declared.end(), open) == 1;
  if (!one_open || fixed == 0 || values % fixed != 0) return std::nullopt;
  shape[static_cast<std::size_t>(first - declared.begin())] = values / fixed;
  return shape;
}

/// False if T has no such value.
template <typename T>
bool store(double value, std::byte* target) {
  if constexpr (std::is_integral_v<T>) {
    // 2^63 as a double is beyond the greatest i64: "<" is right on that side.
    const double least = static_cast<double>(std::numeric_limits<T>::lowest());
    const double beyond = std::ldexp(1.0, std::numeric_limits<T>::digits);
    if (!(value >= least && value < beyond) || value != std::trunc(value)) return false;
  }
  if constexpr (std::is_same_v<T, float>) {
    if (std::isfinite(value) && std::abs(value) > std::numeric_limits<float>::max()) return false;
  }
  const T stored = static_cast<T>(value);
  std::memcpy(target, &stored, sizeof(T));
  return true;
}

bool store_as(DType dtype, double value, std::byte* target) {
  switch (dtype) {
    case DType::kF32:
      return store<float>(value, target);
    case DType::kF64:
      return store<double>(value, target);
    case DType::kI8:
      return store<std::int8_t>(value, target);
    case DType::kI16:
      return store<std::int16_t>(value, target);
    case DType::kI32:
      return store<std::int32_t>(value, target);
    case DType::kI64:
      return store<std::int64_t>(value, target);
    case DType::kU8:
      return store<std::uint8_t>(value, target);
    case DType::kU16:
      return store<std::uint16_t>(value, target);
    case DType::kU32:
      return store<std::uint32_t>(value, target);
    case DType::kU64:
      return store<std::uint64_t>(value, target);
    case DType::kBool:
      return (value == 0 || value == 1) && store<std::uint8_t>(value, target);
    case DType::kUndefined:
      break;
  }
  return false;
}

}  // namespace

std::shared_ptr<const Tensor> constant_tensor(std::string_view label,
                                              const model::DeclaredInput& input,
                                              const InputSpec& spec) {
  const auto count = static_cast<std::int64_t>(spec.constant.size());
  std::optional<Shape> shape = shape_for(input.shape, count);
  if (!shape) {
    throw_input_error("{}: {}: input '{}' is {}: expected one value or as many as that, found {}",
                      spec.where, label, input.name, to_string(input.shape), count);
  }
  auto tensor = std::make_shared<Tensor>(input.dtype, *std::move(shape));
  const std::size_t size = size_of(input.dtype);
  for (std::size_t i = 0; i < static_cast<std::size_t>(tensor->count()); ++i) {
    const double value = spec.constant[count == 1 ? 0 : i];
    if (!store_as(input.dtype, value, tensor->data() + i * size)) {
      throw_input_error("{}: {}: input '{}' is of {}, which cannot hold {}", spec.where, label,
                        input.name, name_of(input.dtype), value);
    }
  }
  return tensor;
}

std::string constant_text(const InputSpec& spec) {
  if (spec.constant.size() <= kShownValues) {
    return fmt::format("{}", fmt::join(spec.constant, ", "));
  }
  return fmt::format("{} values, hash {}", spec.constant.size(),
                     hash_hex(std::as_bytes(std::span(spec.constant))));
}

}  // namespace widepipe::jobs
