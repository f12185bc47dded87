#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Resize (from version 10 on) and Upsample (from version 7 on) by known scales or sizes, without
/// antialias: nearest for elements of any type; linear and cubic along any axes for f32 and f64.
Support ref_resize_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_resize_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
