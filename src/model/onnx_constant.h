#pragma once

#include <memory>

#include "kernels/attributes.h"
#include "model/graph.h"

namespace widepipe::model {

/// The elements of a Constant node. Throws InputError if no attribute holds them in a form that is
/// supported.
std::shared_ptr<const Tensor> read_constant(const kernels::Attributes& attributes);

/// A value with type and shape of its elements, without a name yet.
Value constant_value(std::shared_ptr<const Tensor> tensor);

}  // namespace widepipe::model
