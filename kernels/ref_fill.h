#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// ConstantOfShape, of any type: the output's shape says all.
Support ref_constant_of_shape_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_constant_of_shape_create(const KernelCase& kernel_case,
                                                     WeightStore& weights);

/// Range of known inputs, of any numeric type.
Support ref_range_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_range_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
