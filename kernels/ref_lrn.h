#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// LRN, f32: each element by the squares of its neighbours on the channel axis.
Support ref_lrn_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_lrn_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
