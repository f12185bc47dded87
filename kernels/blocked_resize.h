#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Nearest Resize and Upsample of f32 images that arrive blocked, as far as batch and channels stay
/// what they are: whole blocks are copied.
Support blocked_resize_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> blocked_resize_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
