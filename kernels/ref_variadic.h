#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Max and Min of every numeric type, Sum and Mean of f32 and f64, of any number of inputs, with
/// broadcasting. NaN wins in Max and Min.
Support ref_variadic_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_variadic_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
