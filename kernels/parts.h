#pragma once
// Which elements of an axis Slice and Split take, resolved in the same way by shape inference and
// by kernels.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/tensor.h"
#include "kernels/attributes.h"

namespace widepipe::kernels {

/// Elements start, start + step, ... of an axis. The defaults are for an axis of one element.
struct SliceAxis {
  std::int64_t start = 0;
  std::int64_t step = 1;
  std::int64_t count = 1;
};

/// From `start` up to, but without, `end`, both clipped to an axis of `size` elements as ONNX says;
/// negative ones count from the back. Throws InputError if `step` is 0.
SliceAxis slice_axis(std::int64_t size, std::int64_t start, std::int64_t end, std::int64_t step);

/// What a Slice asks for, as its model states it. Without `axes` the first ones are meant; without
/// `steps` all are 1.
struct SliceRequest {
  std::vector<std::int64_t> starts;
  std::vector<std::int64_t> ends;
  std::optional<std::vector<std::int64_t>> axes;
  std::optional<std::vector<std::int64_t>> steps;
};

/// The axes that a Slice names, counted from the front. Throws InputError if the request's lists
/// differ in length, or name an axis twice or one that is not there.
std::vector<std::size_t> sliced_axes(const SliceRequest& request, std::size_t rank);

/// One for each axis of `x`. Throws InputError like sliced_axes() and slice_axis().
std::vector<SliceAxis> slice_axes(const Shape& x, const SliceRequest& request);

/// The sizes of the `count` parts of an axis of `size` elements: those that are stated, else equal
/// parts, of which the last may be smaller where `num_outputs` says how many (version 18). Throws
/// InputError if they do not make up the axis.
std::vector<std::int64_t> split_sizes(const Attributes& attributes,
                                      const std::optional<std::vector<std::int64_t>>& stated,
                                      std::int64_t size, std::size_t count);

}  // namespace widepipe::kernels
