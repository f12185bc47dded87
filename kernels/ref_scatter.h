#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// ScatterElements (and Scatter, its name in versions 9 and 10) and ScatterND: a copy of the data
/// in which indices say where the updates go, in their order. Elements of any type without a
/// reduction; add, mul, min and max of numbers (integers wrap around). Indices may be negative,
/// counting from the back; one that names nothing is left out, and known ones are checked
/// beforehand.
Support ref_scatter_elements_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_scatter_elements_create(const KernelCase& kernel_case,
                                                    WeightStore& weights);

Support ref_scatter_nd_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_scatter_nd_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
