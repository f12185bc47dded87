#pragma once
// What keeps rows apart in operators that move elements.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/operators.h"

namespace widepipe::model {

/// The axis that attribute `axis` names (`absent` without it), counted from the front. Throws
/// InputError if the shape does not have it.
std::size_t named_axis(const NodeView& view, const SymShape& shape, std::int64_t absent);

/// Throws InputError if the axis of the shape holds the rows, along which `what` (an operator or
/// what it does) would make them depend on each other.
void require_no_rows(std::string_view what, const SymShape& shape, std::size_t axis);

/// Throws InputError, naming the input as `what`, if input `i` holds rows on any axis.
void require_fixed(const NodeView& view, std::size_t i, const char* what);

}  // namespace widepipe::model
