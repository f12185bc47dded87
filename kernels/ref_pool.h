#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// MaxPool, AveragePool, GlobalMaxPool and GlobalAveragePool with one to three spatial axes: f32,
/// and MaxPool of 8-bit integers.
Support ref_pool_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_pool_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
