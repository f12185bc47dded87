#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Add, Sub, Mul and Div of f32 where one input is broadcast in long runs, or not at all. In
/// blocked layouts: inputs of one shape, one element, or one element for each channel (of each
/// image), as long as that keeps the padding zero.
Support hwy_binary_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> hwy_binary_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
