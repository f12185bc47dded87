#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Slice and Split of elements of any type, along any axes, where what to take is known.
Support ref_slice_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_slice_create(const KernelCase& kernel_case, WeightStore& weights);

Support ref_split_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_split_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
