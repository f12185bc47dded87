#pragma once
// Shapes of the operators that multiply matrices.

#include "model/operators.h"

namespace widepipe::model {

ValueType infer_gemm(const NodeView& view);
ValueType infer_matmul(const NodeView& view);

}  // namespace widepipe::model
