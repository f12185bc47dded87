#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// ConvTranspose whose windows do not overlap: strides as large as the kernel, no pads, one group,
/// constant weights, f32. Each input pixel then makes output pixels of its own, by a product with
/// the weights (hwy_gemm_block.h). Blocked, in the layout in which the input arrives.
Support hwy_conv_transpose_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> hwy_conv_transpose_create(const KernelCase& kernel_case,
                                                  WeightStore& weights);

}  // namespace widepipe::kernels
