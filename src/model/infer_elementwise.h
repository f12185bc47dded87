#pragma once
// Shapes of the operators that keep them, or broadcast.

#include "model/operators.h"

namespace widepipe::model {

/// Relu, Identity.
ValueType infer_same(const NodeView& view);
ValueType infer_clip(const NodeView& view);
ValueType infer_add(const NodeView& view);
ValueType infer_batch_normalization(const NodeView& view);
ValueType infer_softmax(const NodeView& view);

}  // namespace widepipe::model
