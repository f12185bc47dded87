#pragma once
// Element types, shapes and owned tensors. A shape is row-major with the batch, where there is
// one, on axis 0; sizes are in elements unless a name says bytes.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/aligned_buffer.h"

namespace widepipe {

enum class DType : std::uint8_t {
  kUndefined,
  kF32,
  kF64,
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kU16,
  kU32,
  kU64,
  kBool
};

/// Bytes of one element; 0 for kUndefined.
std::size_t size_of(DType dtype);
/// "f32", "i64", ...; "undefined" for kUndefined.
std::string_view name_of(DType dtype);

using Shape = std::vector<std::int64_t>;

/// Product of the dimensions; 1 for a scalar. Throws InputError if a dimension is negative or
/// the product does not fit in 63 bits.
std::int64_t element_count(std::span<const std::int64_t> shape);
/// "[3, 28, 28]"; "[]" for a scalar.
std::string to_string(std::span<const std::int64_t> shape);

/// A dense, row-major tensor that owns its 64-byte aligned memory. Movable, not copyable:
/// weights are shared by pointer, never duplicated by accident.
class Tensor {
 public:
  Tensor() = default;
  /// Zero-filled.
  Tensor(DType dtype, Shape shape);

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::int64_t count() const { return count_; }
  std::size_t bytes() const { return buffer_.size(); }
  std::byte* data() { return buffer_.data(); }
  const std::byte* data() const { return buffer_.data(); }

  /// The elements as T; the caller guarantees that T matches dtype().
  template <typename T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(buffer_.data()), static_cast<std::size_t>(count_)};
  }
  template <typename T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(buffer_.data()), static_cast<std::size_t>(count_)};
  }

 private:
  DType dtype_ = DType::kUndefined;
  Shape shape_;
  std::int64_t count_ = 0;
  AlignedBuffer buffer_;
};

}  // namespace widepipe
