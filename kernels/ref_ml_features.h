#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// Scaler of ai.onnx.ml, of f32, f64, i32 and i64.
Support ref_scaler_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_scaler_create(const KernelCase& kernel_case, WeightStore& weights);

}  // namespace widepipe::kernels
