#include "kernels/parts.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "kernels/checks.h"

namespace widepipe::kernels {

SliceAxis slice_axis(std::int64_t size, std::int64_t start, std::int64_t end, std::int64_t step) {
  if (step == 0) throw_input_error("steps: expected steps other than 0");
  if (size == 0) return {.start = 0, .step = step, .count = 0};
  const auto from_front = [size](std::int64_t i) { return i < 0 ? i + size : i; };
  if (step > 0) {
    const std::int64_t first = std::clamp<std::int64_t>(from_front(start), 0, size);
    const std::int64_t last = std::clamp<std::int64_t>(from_front(end), first, size);
    return {first, step, last == first ? 0 : (last - first - 1) / step + 1};
  }
  const std::int64_t first = std::clamp<std::int64_t>(from_front(start), 0, size - 1);
  const std::int64_t last = std::clamp<std::int64_t>(from_front(end), -1, first);
  // -step would not fit for the lowest number; a step beyond the axis takes one element.
  const std::int64_t stride = std::max(step, -size);
  return {first, stride, last == first ? 0 : (first - last - 1) / -stride + 1};
}

std::vector<std::size_t> sliced_axes(const SliceRequest& request, std::size_t rank) {
  std::vector<std::int64_t> named(request.starts.size());
  std::iota(named.begin(), named.end(), 0);
  if (request.axes) named = *request.axes;
  if (request.ends.size() != request.starts.size() || named.size() != request.starts.size() ||
      (request.steps && request.steps->size() != request.starts.size())) {
    throw_input_error(
        "expected as many ends, axes and steps as starts, found starts {}, ends {}, axes {}{}",
        to_string(request.starts), to_string(request.ends), to_string(named),
        request.steps ? " and steps " + to_string(*request.steps) : "");
  }
  std::vector<std::size_t> axes;
  const auto count = static_cast<std::int64_t>(rank);
  for (const std::int64_t axis : named) {
    axes.push_back(static_cast<std::size_t>(normalized_axis(axis, count, count - 1)));
    if (std::find(axes.begin(), axes.end() - 1, axes.back()) != axes.end() - 1) {
      throw_input_error("axis {} is named twice", axis);
    }
  }
  return axes;
}

std::vector<SliceAxis> slice_axes(const Shape& x, const SliceRequest& request) {
  std::vector<SliceAxis> result;
  for (const std::int64_t size : x) result.push_back({.start = 0, .step = 1, .count = size});
  const std::vector<std::size_t> axes = sliced_axes(request, x.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    result[axes[i]] = slice_axis(x[axes[i]], request.starts[i], request.ends[i],
                                 request.steps ? (*request.steps)[i] : 1);
  }
  return result;
}

std::vector<std::int64_t> split_sizes(const Attributes& attributes,
                                      const std::optional<std::vector<std::int64_t>>& stated,
                                      std::int64_t size, std::size_t count) {
  const auto parts = static_cast<std::int64_t>(count);
  if (stated) {
    const bool negative = std::any_of(stated->begin(), stated->end(), [](auto n) { return n < 0; });
    const std::int64_t sum = std::accumulate(stated->begin(), stated->end(), std::int64_t{0});
    if (stated->size() != count || negative || sum != size) {
      throw_input_error("split: expected {} sizes that add up to {}, found {}", count, size,
                        to_string(*stated));
    }
    return *stated;
  }
  const bool uneven = attributes.has("num_outputs");
  if (uneven && attributes.integer("num_outputs", 0) != parts) {
    throw_input_error("attribute num_outputs: expected the {} outputs of the node, found {}", count,
                      attributes.integer("num_outputs", 0));
  }
  const std::int64_t part = (size + parts - 1) / parts;
  const std::int64_t rest = size - part * (parts - 1);
  if (rest < 0 || (!uneven && rest != part)) {
    throw_input_error("cannot split {} elements into {} equal parts", size, count);
  }
  std::vector<std::int64_t> sizes(count, part);
  sizes.back() = rest;
  return sizes;
}

}  // namespace widepipe::kernels
