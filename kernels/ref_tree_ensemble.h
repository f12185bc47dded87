#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// TreeEnsembleClassifier with integer labels and TreeEnsembleRegressor of ai.onnx.ml, on f32, f64,
/// i32 and i64 features. Sums are taken in double, tree after tree.
Support ref_tree_classifier_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_tree_classifier_create(const KernelCase& kernel_case,
                                                   WeightStore& weights);
Support ref_tree_regressor_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_tree_regressor_create(const KernelCase& kernel_case,
                                                  WeightStore& weights);

}  // namespace widepipe::kernels
