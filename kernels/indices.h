#pragma once
// Indices into an axis, as Gather, Scatter and their kin take them.

#include <cstdint>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Counted from the front, or -1 if it names none of `size` elements.
inline std::int64_t element_at(std::int64_t index, std::int64_t size) {
  const std::int64_t from_front = index < 0 ? index + size : index;
  return from_front < 0 || from_front >= size ? -1 : from_front;
}

/// Throws InputError unless input `i` is i64 or i32 and, if it is known, names elements of an axis
/// of `size` only.
void check_indices(const KernelCase& kernel_case, std::size_t i, std::int64_t size);

}  // namespace widepipe::kernels
