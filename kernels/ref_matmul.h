#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// MatMul with NumPy's broadcasting, f32.
Support ref_matmul_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_matmul_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
