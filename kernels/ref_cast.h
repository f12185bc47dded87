#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Cast and CastLike between all types, as convert() does; any number but 0, and NaN, is true.
Support ref_cast_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_cast_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
