#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Relu and Clip with constant limits, f32, in the layout in which the input arrives, as long as
/// that keeps the padding of blocked channels zero.
Support hwy_relu_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> hwy_relu_create(const KernelCase& kernel_case, WeightStore& weights);
Support hwy_clip_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> hwy_clip_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
