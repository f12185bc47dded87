#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Add with broadcasting, every numeric type.
Support ref_add_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_add_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
