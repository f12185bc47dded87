#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// CumSum of numbers of any type along a known axis, in the type of the input: integers wrap
/// around.
Support ref_cum_sum_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_cum_sum_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
