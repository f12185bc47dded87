#pragma once

#include <cstddef>
#include <string_view>

#include "model/sym_shape.h"

namespace widepipe::model {

/// Throws InputError if the axis of the shape holds the rows, along which `what` (an operator or
/// what it does) would make them depend on each other.
void require_no_rows(std::string_view what, const SymShape& shape, std::size_t axis);

}  // namespace widepipe::model
