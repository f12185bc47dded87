#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor.h"
#include "kernels/kernel.h"

namespace widepipe::kernels {

/// For each axis of `to`, the elements to step over in a dense tensor of shape `from`; 0 where
/// it is broadcast. `from` is aligned at the last axis, as in NumPy. Throws InputError if it
/// cannot be broadcast.
std::vector<std::int64_t> broadcast_strides(std::span<const std::int64_t> from,
                                            std::span<const std::int64_t> to);

/// The dot product of the position number `index` (row-major in `shape`) and `strides`.
std::int64_t offset_at(std::int64_t index, std::span<const std::int64_t> shape,
                       std::span<const std::int64_t> strides);

/// The shape of B of an operator on A and B as its modern form would have it: up to version 6,
/// `axis` may say at which axis of A the axes of B start. Throws InputError if B does not fit
/// there.
Shape modern_shape_of_b(const KernelCase& kernel_case);

}  // namespace widepipe::kernels
