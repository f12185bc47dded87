#pragma once
// Shapes of the operators that give an image another size.

#include "model/operators.h"

namespace widepipe::model {

ValueType infer_depth_to_space(const NodeView& view);
ValueType infer_space_to_depth(const NodeView& view);
/// Resize and Upsample.
ValueType infer_resize(const NodeView& view);

}  // namespace widepipe::model
