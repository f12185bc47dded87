#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// InstanceNormalization and GroupNormalization of f32 and f64.
Support ref_group_normalization_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_group_normalization_create(const KernelCase& kernel_case,
                                                       WeightStore& weights);

/// LpNormalization and MeanVarianceNormalization of f32 and f64.
Support ref_normalization_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_normalization_create(const KernelCase& kernel_case,
                                                 WeightStore& weights);

}  // namespace widepipe::kernels
