#pragma once
// A Pad's pads, read in the same way by shape inference and by kernels.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace widepipe::kernels {

/// Elements added at the ends of an axis; taken away where negative.
struct AxisPads {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// One for each of `rank` axes. `pads` holds all begins, then all ends, of the named axes (of all,
/// if none are named). Throws InputError if the lists do not fit.
std::vector<AxisPads> axis_pads(const std::vector<std::int64_t>& pads,
                                const std::optional<std::vector<std::int64_t>>& axes,
                                std::size_t rank);

}  // namespace widepipe::kernels
