#pragma once
// Indices into an axis, as Gather, Scatter and their kin take them.

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Counted from the front, or -1 if it names none of `size` elements.
inline std::int64_t element_at(std::int64_t index, std::int64_t size) {
  const std::int64_t from_front = index < 0 ? index + size : index;
  return from_front < 0 || from_front >= size ? -1 : from_front;
}

/// Throws RunError: the row that holds the index has no result.
[[noreturn]] void refuse_index(std::int64_t index, std::int64_t size);

/// Counted from the front. Throws RunError if the index names none of `size` elements.
inline std::int64_t named_element(std::int64_t index, std::int64_t size) {
  const std::int64_t element = element_at(index, size);
  if (element < 0) refuse_index(index, size);
  return element;
}

/// The number of the piece that a tuple of indices names, where the axes of `sizes` are outermost
/// and pieces lie behind them. Throws RunError if there is none.
template <typename Index>
std::int64_t piece_at(std::span<const Index> tuple, std::span<const std::int64_t> sizes) {
  std::int64_t piece = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    piece = piece * sizes[i] + named_element(tuple[i], sizes[i]);
  }
  return piece;
}

/// Throws InputError unless input `i` is i64 or i32 and, if it is known, names elements of an axis
/// of `size` only.
void check_indices(const KernelCase& kernel_case, std::size_t i, std::int64_t size);
/// The same for tuples of indices (the last axis) into axes of `sizes`.
void check_tuples(const KernelCase& kernel_case, std::size_t i,
                  std::span<const std::int64_t> sizes);

}  // namespace widepipe::kernels
