#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// MaxPool, AveragePool, GlobalMaxPool and GlobalAveragePool with one to three spatial axes, f32,
/// blocked: in the layout in which the input arrives, or, if it is plain, in the one that suits the
/// machine.
Support hwy_pool_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> hwy_pool_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
