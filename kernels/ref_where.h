#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Where with broadcasting, every type.
Support ref_where_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_where_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
