#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Concat of f32 along channels or an axis behind them, where most of the inputs arrive in one
/// blocked layout and its blocks can stay whole: along channels, all parts but the last are
/// multiples of a block.
Support blocked_concat_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> blocked_concat_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
