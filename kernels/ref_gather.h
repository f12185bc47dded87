#pragma once
// Indices of all three may be negative, counting from the back. What an index names that is not
// there becomes zero: indices that a model computes or gets as input are not known before a run,
// and a run must neither fail nor read elsewhere. Known indices are checked beforehand.

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Gather of elements of any type along any axis, by i64 or i32 indices.
Support ref_gather_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_gather_create(const KernelCase& kernel_case, WeightStore& weights);

/// GatherElements: an index for each element of the output.
Support ref_gather_elements_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_gather_elements_create(const KernelCase& kernel_case,
                                                   WeightStore& weights);

/// GatherND: an index for each of several axes behind `batch_dims`.
Support ref_gather_nd_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_gather_nd_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
