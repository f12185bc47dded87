#pragma once
// Copies in which each axis says where its elements come from: Pad and nearest Resize.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace widepipe::kernels {

/// For each element of an output axis, the element of the input axis that it copies, or kFilled.
using AxisMap = std::vector<std::int64_t>;
inline constexpr std::int64_t kFilled = -1;

/// 0, 1, ... size - 1.
AxisMap identity_map(std::int64_t size);

/// Fills a dense output, of elements of any type.
class MappedCopy {
 public:
  /// One map for each axis of an input of shape `from`; `element` is in bytes.
  MappedCopy(const Shape& from, const std::vector<AxisMap>& maps, std::size_t element);

  /// Elements that any axis maps to kFilled become `fill`, one element, which may be null if there
  /// are none.
  void run(const std::byte* from, const std::byte* fill, std::byte* to) const;

 private:
  /// Neighbours in the output that are neighbours in the input too, or all filled.
  struct Run {
    std::int64_t from;  ///< or kFilled
    std::int64_t count;
  };
  struct Level {
    std::vector<Run> runs;
    std::int64_t from_step;  ///< bytes of the input from one element of this axis to the next
    std::int64_t to_step;    ///< likewise of the output
  };

  void copy(const std::byte* from, const std::byte* fill, std::byte* to, std::size_t depth) const;

  /// From the outermost axis in, without the innermost ones that are copied as they are.
  std::vector<Level> levels_;
  std::size_t element_;
  std::size_t bytes_;  ///< of a copy without levels
  bool empty_ = false;
};

}  // namespace widepipe::kernels
