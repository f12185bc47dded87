#pragma once
// Shapes of the operators that put tensors together, take parts of them, add a border, or work
// along an axis that keeps its size.

#include "model/operators.h"

namespace widepipe::model {

ValueType infer_concat(const NodeView& view);
ValueType infer_cum_sum(const NodeView& view);
ValueType infer_pad(const NodeView& view);
ValueType infer_slice(const NodeView& view);
ValueTypes infer_split(const NodeView& view);
ValueType infer_trilu(const NodeView& view);

}  // namespace widepipe::model
