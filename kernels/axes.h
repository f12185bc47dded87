#pragma once
// Attributes that choose axes, read in the same way by shape inference and by kernels.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "kernels/attributes.h"

namespace widepipe::kernels {

/// Transpose: which axis of the input each axis of the output is. Throws InputError unless `perm`
/// names every axis once.
std::vector<std::int64_t> transpose_order(const Attributes& attributes, std::size_t rank);

/// Shape: the axes from `start` up to `end`, clipped as ONNX says; first <= last.
std::pair<std::int64_t, std::int64_t> selected_axes(const Attributes& attributes, std::size_t rank);

/// Reduce...: whether each of `rank` axes is taken away. They are the attribute `axes`, or else
/// `listed`; none means all, unless noop_with_empty_axes is set. Throws InputError if an axis is
/// named twice or is not there.
std::vector<bool> reduced_axes(const Attributes& attributes, std::size_t rank,
                               std::span<const std::int64_t> listed);

}  // namespace widepipe::kernels
