#pragma once
// Shapes of the operators that keep them, or broadcast.

#include "model/operators.h"

namespace widepipe::model {

/// Relu, Exp, Not ...: type and shape of input 0.
ValueType infer_same(const NodeView& view);
ValueType infer_clip(const NodeView& view);
/// Add, And ...: of two inputs of one type.
ValueType infer_binary(const NodeView& view);
/// Equal, Less ...: bool.
ValueType infer_comparison(const NodeView& view);
ValueType infer_pow(const NodeView& view);
ValueType infer_prelu(const NodeView& view);
/// Max, Sum ...: of any number of inputs.
ValueType infer_variadic(const NodeView& view);
/// IsNaN, IsInf: bool.
ValueType infer_predicate(const NodeView& view);
ValueType infer_where(const NodeView& view);
ValueType infer_cast(const NodeView& view);
ValueType infer_cast_like(const NodeView& view);
ValueType infer_batch_normalization(const NodeView& view);

}  // namespace widepipe::model
