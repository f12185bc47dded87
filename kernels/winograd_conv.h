#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Conv with a 3x3 window, stride 1, one group and constant weights, f32, by Winograd's
/// F(4x4, 3x3) (winograd_tiles.h), blocked by the machine's vectors. Declines the layers for which
/// the direct sum is faster. An infinity in the input spreads, as NaN, over the outputs of its
/// tile.
Support winograd_conv_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> winograd_conv_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
