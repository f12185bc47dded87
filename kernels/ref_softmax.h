#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Softmax, LogSoftmax and Hardmax of f32 and f64.
Support ref_softmax_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_softmax_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
