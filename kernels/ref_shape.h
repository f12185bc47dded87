#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Shape: the sizes of the input's axes `start` to `end` as i64; Size: how many elements it has.
Support ref_shape_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_shape_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
