#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Gemm and MatMul with a constant matrix B, f32, by our own product (hwy_gemm_block.h). A Gemm's
/// input A may be blocked: the rows of B are packed in the order in which A lies in memory.
Support hwy_gemm_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> hwy_gemm_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
