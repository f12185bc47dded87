#pragma once
// From an element type to the C++ type of its values. Inside this folder only.

#include <cstdint>

#include "core/error.h"
#include "core/tensor.h"

namespace widepipe::dataset {

/// Stored as one byte that is 0 or 1; apart from u8, whose rules differ.
struct Bool {
  std::uint8_t byte;
};

template <typename T>
struct TypeTag {
  using type = T;
};

/// Calls `use` with the tag of the C++ type of `dtype`.
template <typename Use>
auto with_type(DType dtype, Use use) {
  switch (dtype) {
    case DType::kF32:
      return use(TypeTag<float>{});
    case DType::kF64:
      return use(TypeTag<double>{});
    case DType::kI8:
      return use(TypeTag<std::int8_t>{});
    case DType::kI16:
      return use(TypeTag<std::int16_t>{});
    case DType::kI32:
      return use(TypeTag<std::int32_t>{});
    case DType::kI64:
      return use(TypeTag<std::int64_t>{});
    case DType::kU8:
      return use(TypeTag<std::uint8_t>{});
    case DType::kU16:
      return use(TypeTag<std::uint16_t>{});
    case DType::kU32:
      return use(TypeTag<std::uint32_t>{});
    case DType::kU64:
      return use(TypeTag<std::uint64_t>{});
    case DType::kBool:
      return use(TypeTag<Bool>{});
    case DType::kUndefined:
      break;
  }
  throw_run_error("values of undefined type cannot be used");
}

}  // namespace widepipe::dataset
