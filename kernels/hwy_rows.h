#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Softmax of f32 over the last axes.
Support hwy_softmax_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> hwy_softmax_create(const KernelCase& kernel_case, WeightStore& weights);

/// LayerNormalization of f32, output 0 only, with a scale and, if there is one, a bias for each
/// element.
Support hwy_layer_normalization_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> hwy_layer_normalization_create(const KernelCase& kernel_case,
                                                       WeightStore& weights);

}  // namespace widepipe::kernels
