#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// LayerNormalization of f32 and f64, with its optional outputs Mean and InvStdDev.
Support ref_layer_normalization_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_layer_normalization_create(const KernelCase& kernel_case,
                                                       WeightStore& weights);

}  // namespace widepipe::kernels
