#pragma once
// Shapes of the operators whose output's shape is given by an input: sizes may depend on the number
// of rows.

#include "model/operators.h"

namespace widepipe::model {

ValueType infer_constant_of_shape(const NodeView& view);
ValueType infer_expand(const NodeView& view);
ValueType infer_range(const NodeView& view);
ValueType infer_tile(const NodeView& view);

}  // namespace widepipe::model
