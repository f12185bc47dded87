#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Reorder: any layout to any other, f32. Padding of blocked channels is written as zeros.
Support ref_reorder_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_reorder_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
