#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Relu, Clip with constant limits, and Add of equal shapes, f32, in the layout in which the inputs
/// arrive, as long as that keeps the padding of blocked channels zero.
Support hwy_relu_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> hwy_relu_create(const KernelCase& kernel_case, WeightStore& weights);
Support hwy_clip_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> hwy_clip_create(const KernelCase& kernel_case, WeightStore& weights);
Support hwy_add_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> hwy_add_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
