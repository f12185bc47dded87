#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// ConvTranspose with one to three spatial axes, f32.
Support ref_conv_transpose_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_conv_transpose_create(const KernelCase& kernel_case,
                                                  WeightStore& weights);

}  // namespace widepipe::kernels
