#pragma once
// Shapes of the operators that make one element of many.

#include "model/operators.h"

namespace widepipe::model {

/// ReduceSum, ReduceMean ... with `axes` as an attribute or as an input.
ValueType infer_reduce(const NodeView& view);
/// ArgMax, ArgMin.
ValueType infer_arg_reduce(const NodeView& view);

}  // namespace widepipe::model
