#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// TopK of numbers of any type along any axis: output 0 the values, output 1 their i64 indices;
/// either may be left out. Always sorted. NaN counts as larger than all numbers; among equals the
/// one with the lower index comes first.
Support ref_topk_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_topk_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
