#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Gemm, f32. An input A of more than two axes counts as a matrix of its axis 0 by the rest.
Support ref_gemm_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_gemm_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
