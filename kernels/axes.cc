#include "kernels/axes.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace widepipe::kernels {

std::vector<std::int64_t> transpose_order(const Attributes& attributes, std::size_t rank) {
  std::vector<std::int64_t> reversed(rank);
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  std::vector<std::int64_t> order = attributes.integers("perm", reversed);
  for (std::int64_t& axis : order) {
    if (axis < 0) axis += static_cast<std::int64_t>(rank);
  }
  if (!std::is_permutation(order.begin(), order.end(), reversed.begin(), reversed.end())) {
    throw_input_error("attribute perm: expected each of the {} axes once, found {}", rank,
                      to_string(order));
  }
  return order;
}

std::pair<std::int64_t, std::int64_t> selected_axes(const Attributes& attributes,
                                                    std::size_t rank) {
  const auto axes = static_cast<std::int64_t>(rank);
  const auto clipped = [&](const char* name, std::int64_t absent) {
    const std::int64_t value = attributes.integer(name, absent);
    return std::clamp<std::int64_t>(value < 0 ? value + axes : value, 0, axes);
  };
  const std::int64_t first = clipped("start", 0);
  return {first, std::max(first, clipped("end", axes))};
}

}  // namespace widepipe::kernels
