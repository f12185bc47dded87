#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Add, Sub, Mul, Div and Mod with broadcasting, every numeric type; PRelu. Integers wrap around,
/// and a division by the integer 0 gives 0.
Support ref_binary_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_binary_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
