#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Erf, Exp, HardSigmoid, HardSwish, Sigmoid and Tanh of f32, in the layout in which the input
/// arrives.
Support hwy_unary_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> hwy_unary_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
