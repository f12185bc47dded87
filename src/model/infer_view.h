#pragma once
// Shapes of the operators that leave the elements where they are.

#include "model/operators.h"

namespace widepipe::model {

ValueType infer_flatten(const NodeView& view);
ValueType infer_reshape(const NodeView& view);

}  // namespace widepipe::model
