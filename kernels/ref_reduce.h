#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// ReduceSum, ReduceMean, ReduceMax ... of the numeric types; the ones with a root or logarithm of
/// f32 and f64 only. Sums and products of f32 are taken in double, of integers modulo 2^64.
Support ref_reduce_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_reduce_create(const KernelCase& kernel_case, WeightStore& weights);

/// ArgMax and ArgMin of the numeric types.
Support ref_arg_reduce_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_arg_reduce_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
