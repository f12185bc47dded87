#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Functions of one element: Exp, Sqrt, Sigmoid ... of f32 and f64, Abs, Neg and Sign of every
/// numeric type.
Support ref_unary_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_unary_create(const KernelCase& kernel_case, WeightStore& weights);

/// Not of bool, IsNaN and IsInf of f32 and f64: bool comes out.
Support ref_predicate_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_predicate_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
