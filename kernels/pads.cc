#include "kernels/pads.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/tensor.h"
#include "kernels/checks.h"

namespace widepipe::kernels {

std::vector<AxisPads> axis_pads(const std::vector<std::int64_t>& pads,
                                const std::optional<std::vector<std::int64_t>>& axes,
                                std::size_t rank) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  std::vector<std::int64_t> named(rank);
  std::iota(named.begin(), named.end(), 0);
  if (axes) named = *axes;
  const bool huge = std::any_of(pads.begin(), pads.end(),
                                [](std::int64_t pad) { return pad > kMost || pad < -kMost; });
  if (pads.size() != 2 * named.size() || huge) {
    throw_input_error("pads: expected {} sizes, two for each axis, found {}", 2 * named.size(),
                      to_string(pads));
  }
  std::vector<AxisPads> result(rank);
  const auto count = static_cast<std::int64_t>(rank);
  for (std::size_t i = 0; i < named.size(); ++i) {
    const auto axis = static_cast<std::size_t>(normalized_axis(named[i], count, count - 1));
    result[axis] = {pads[i], pads[named.size() + i]};
  }
  return result;
}

}  // namespace widepipe::kernels
