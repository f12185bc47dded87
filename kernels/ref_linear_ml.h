#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// LinearClassifier with integer labels and LinearRegressor of ai.onnx.ml, of every numeric type.
/// Sums are taken in double.
Support ref_linear_classifier_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_linear_classifier_create(const KernelCase& kernel_case,
                                                     WeightStore& weights);
Support ref_linear_regressor_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_linear_regressor_create(const KernelCase& kernel_case,
                                                    WeightStore& weights);

}  // namespace widepipe::kernels
