#include "kernels/axes.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "kernels/checks.h"

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

std::vector<bool> reduced_axes(const Attributes& attributes, std::size_t rank,
                               std::span<const std::int64_t> listed) {
  const std::vector<std::int64_t> axes =
      attributes.integers("axes", std::vector<std::int64_t>(listed.begin(), listed.end()));
  if (axes.empty()) {
    return std::vector<bool>(rank, attributes.integer("noop_with_empty_axes", 0) == 0);
  }
  std::vector<bool> result(rank, false);
  const auto count = static_cast<std::int64_t>(rank);
  for (const std::int64_t axis : axes) {
    const auto i = static_cast<std::size_t>(normalized_axis(axis, count, count - 1));
    if (result[i]) throw_input_error("axis {} is named twice", axis);
    result[i] = true;
  }
  return result;
}

}  // namespace widepipe::kernels
