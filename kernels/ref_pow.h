#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Pow with broadcasting: f32, f64, i32 or i64 to the power of any numeric type. Integer powers
/// wrap around; a negative power of an integer is 0, except of 1 and -1.
Support ref_pow_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_pow_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
