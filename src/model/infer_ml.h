#pragma once
// Shapes of the operators of ai.onnx.ml.

#include "model/operators.h"

namespace widepipe::model {

/// Scaler, Normalizer: f32 of the input's shape.
ValueType infer_scaler(const NodeView& view);
ValueType infer_feature_extractor(const NodeView& view);
ValueType infer_label_encoder(const NodeView& view);
/// Labels, and a score for each class.
ValueTypes infer_tree_classifier(const NodeView& view);
ValueTypes infer_linear_classifier(const NodeView& view);
ValueType infer_linear_regressor(const NodeView& view);
ValueType infer_tree_regressor(const NodeView& view);

}  // namespace widepipe::model
