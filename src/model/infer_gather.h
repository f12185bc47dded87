#pragma once
// Shapes of the operators that pick elements by indices.

#include "model/operators.h"

namespace widepipe::model {

ValueType infer_gather(const NodeView& view);
ValueType infer_gather_elements(const NodeView& view);
ValueType infer_gather_nd(const NodeView& view);

}  // namespace widepipe::model
