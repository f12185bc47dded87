#pragma once
// Shapes of the operators that scale elements by those around them.

#include "model/operators.h"

namespace widepipe::model {

/// Up to three outputs: Y, Mean, InvStdDev.
ValueTypes infer_layer_normalization(const NodeView& view);
/// InstanceNormalization, GroupNormalization.
ValueType infer_group_normalization(const NodeView& view);
ValueType infer_lp_normalization(const NodeView& view);
ValueType infer_mean_variance_normalization(const NodeView& view);
ValueType infer_lrn(const NodeView& view);
/// Softmax, LogSoftmax, Hardmax.
ValueType infer_softmax(const NodeView& view);

}  // namespace widepipe::model
