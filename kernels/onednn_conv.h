#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Conv with one to three spatial axes and constant weights, f32, by oneDNN's direct algorithms, in
/// the layouts they prefer.
Support onednn_conv_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> onednn_conv_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
