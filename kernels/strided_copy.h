#pragma once
// Copies whose source elements lie at fixed distances: Transpose, Slice, Expand, Tile ... are this
// with different numbers.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// An axis of the output: its size, and how far apart its elements lie in the input (in elements;
/// 0 where one element is repeated, negative where the axis is read backwards).
struct StridedAxis {
  std::int64_t size;
  std::int64_t stride;
};

/// Fills a dense output, of elements of any type.
class StridedCopy {
 public:
  /// `axes` of the output from the outermost in; `first` is the position of its first element in
  /// the input; `element` is in bytes.
  StridedCopy(const std::vector<StridedAxis>& axes, std::int64_t first, std::size_t element);

  void run(const std::byte* from, std::byte* to) const;

 private:
  template <std::size_t kBytes>
  void copy(const std::byte* from, std::byte*& to, std::size_t depth) const;

  /// Sizes, and strides in bytes. Neighbours that lie in the input as one are one.
  std::vector<StridedAxis> steps_;
  std::ptrdiff_t first_ = 0;  ///< bytes
  std::size_t piece_ = 0;     ///< bytes that lie together in both
  bool empty_ = false;
};

/// How far apart the elements of each axis of a dense tensor lie.
std::vector<std::int64_t> dense_strides(const Shape& shape);

/// A kernel that makes output 0 of input 0.
std::unique_ptr<Kernel> strided_copy_kernel(StridedCopy copy);

}  // namespace widepipe::kernels
