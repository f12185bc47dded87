#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// OneHot of numeric indices; the values may have any type. An index that names no class gives the
/// off value everywhere.
Support ref_one_hot_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_one_hot_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
