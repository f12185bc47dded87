#pragma once
// Shapes of recurrent operators. The batch is on axis 1 of X, or on axis 0 with layout 1.

#include "model/operators.h"

namespace widepipe::model {

ValueTypes infer_gru(const NodeView& view);
ValueTypes infer_lstm(const NodeView& view);

}  // namespace widepipe::model
