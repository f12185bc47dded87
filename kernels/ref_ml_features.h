#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace widepipe::kernels {

// Operators of ai.onnx.ml that prepare columns.

/// Scaler of every numeric type.
Support ref_scaler_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_scaler_create(const KernelCase& kernel_case, WeightStore& weights);
/// Normalizer of every numeric type: rows of [rows, columns] by their largest element, sum of
/// sizes, or length. A row of zeros stays.
Support ref_normalizer_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_normalizer_create(const KernelCase& kernel_case, WeightStore& weights);
/// Binarizer of every numeric type.
Support ref_binarizer_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_binarizer_create(const KernelCase& kernel_case, WeightStore& weights);
/// ArrayFeatureExtractor of every type, with constant indices.
Support ref_feature_extractor_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_feature_extractor_create(const KernelCase& kernel_case,
                                                     WeightStore& weights);
/// LabelEncoder between i64 and f32.
Support ref_label_encoder_supports(const KernelCase& kernel_case);
std::unique_ptr<Kernel> ref_label_encoder_create(const KernelCase& kernel_case,
                                                 WeightStore& weights);

}  // namespace widepipe::kernels
