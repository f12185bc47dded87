#pragma once
// Shapes of the operators that give an image another size.

#include "model/operators.h"

namespace widepipe::model {

/// Resize and Upsample.
ValueType infer_resize(const NodeView& view);

}  // namespace widepipe::model
