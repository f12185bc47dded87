#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// BatchNormalization with given mean and variance, f32.
Support ref_batch_normalization_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_batch_normalization_create(const KernelCase& kernel_case,
                                                       WeightStore& weights);

}  // namespace widepipe::kernels
