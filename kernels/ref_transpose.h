#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Transpose of elements of any type, by any order of axes.
Support ref_transpose_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_transpose_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
