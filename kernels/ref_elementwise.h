#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Relu and Clip of every numeric type.
Support ref_relu_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_relu_create(const KernelCase& kernel_case, WeightStore& weights);
Support ref_clip_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_clip_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
