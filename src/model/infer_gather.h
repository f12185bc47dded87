#pragma once
// Shapes of the operators that pick, place or number elements.

#include "model/operators.h"

namespace widepipe::model {

ValueType infer_gather(const NodeView& view);
ValueType infer_gather_elements(const NodeView& view);
ValueType infer_gather_nd(const NodeView& view);
ValueType infer_one_hot(const NodeView& view);
/// ScatterElements and Scatter.
ValueType infer_scatter_elements(const NodeView& view);
ValueType infer_scatter_nd(const NodeView& view);
ValueTypes infer_topk(const NodeView& view);

}  // namespace widepipe::model
