#pragma once
// Shapes of the operators that give the elements other axes.

#include "model/operators.h"

namespace widepipe::model {

ValueType infer_flatten(const NodeView& view);
ValueType infer_reshape(const NodeView& view);
ValueType infer_squeeze(const NodeView& view);
ValueType infer_unsqueeze(const NodeView& view);
ValueType infer_transpose(const NodeView& view);
ValueType infer_shape_of(const NodeView& view);
ValueType infer_size_of(const NodeView& view);

}  // namespace widepipe::model
