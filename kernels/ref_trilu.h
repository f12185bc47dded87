#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Trilu of elements of any type, where the diagonal `k` is known.
Support ref_trilu_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_trilu_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
