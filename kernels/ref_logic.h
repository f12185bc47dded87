#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// And, Or and Xor of bool; Equal, Greater, GreaterOrEqual, Less and LessOrEqual of every numeric
/// type, Equal of bool too. All with broadcasting.
Support ref_logic_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_logic_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
