#pragma once

#include <cstdint>

#include "core/error.h"
#include "core/tensor.h"

namespace widepipe::kernels {

/// Calls `f.operator()<T>()` with the C++ type of a numeric dtype.
template <typename F>
auto dispatch_numeric(DType dtype, const F& f) {
  switch (dtype) {
    case DType::kF32:
      return f.template operator()<float>();
    case DType::kF64:
      return f.template operator()<double>();
    case DType::kI8:
      return f.template operator()<std::int8_t>();
    case DType::kI16:
      return f.template operator()<std::int16_t>();
    case DType::kI32:
      return f.template operator()<std::int32_t>();
    case DType::kI64:
      return f.template operator()<std::int64_t>();
    case DType::kU8:
      return f.template operator()<std::uint8_t>();
    case DType::kU16:
      return f.template operator()<std::uint16_t>();
    case DType::kU32:
      return f.template operator()<std::uint32_t>();
    case DType::kU64:
      return f.template operator()<std::uint64_t>();
    case DType::kUndefined:
    case DType::kBool:
      break;
  }
  throw_input_error("no arithmetic on elements of type {}", name_of(dtype));
}

/// Calls `f.operator()<T>()` with the C++ type of a dtype of indices.
template <typename F>
auto dispatch_index(DType dtype, const F& f) {
  if (dtype == DType::kI64) return f.template operator()<std::int64_t>();
  if (dtype == DType::kI32) return f.template operator()<std::int32_t>();
  throw_input_error("indices: expected i64 or i32, found {}", name_of(dtype));
}

}  // namespace widepipe::kernels
