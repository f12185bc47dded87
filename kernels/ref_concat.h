#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Concat of elements of any type, along any axis.
Support ref_concat_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_concat_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
