#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Flatten, Identity, Reshape, Squeeze and Unsqueeze: the elements stay where they are. Any type.
Support ref_copy_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_copy_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
