#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Conv with one to three spatial axes, f32.
Support ref_conv_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_conv_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
