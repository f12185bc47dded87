#pragma once
// Shapes of the operators that slide a window.

#include "model/operators.h"

namespace widepipe::model {

ValueType infer_conv(const NodeView& view);
ValueType infer_conv_transpose(const NodeView& view);
/// MaxPool, AveragePool.
ValueType infer_pool(const NodeView& view);
ValueType infer_global_pool(const NodeView& view);

}  // namespace widepipe::model
