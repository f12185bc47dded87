#include "model/row_axes.h"

#include "core/error.h"
#include "kernels/checks.h"

namespace widepipe::model {

std::size_t named_axis(const NodeView& view, const SymShape& shape, std::int64_t absent) {
  const auto rank = static_cast<std::int64_t>(shape.size());
  return static_cast<std::size_t>(
      kernels::normalized_axis(view.node.attributes.integer("axis", absent), rank, rank - 1));
}

void require_no_rows(std::string_view what, const SymShape& shape, std::size_t axis) {
  if (shape[axis].is_fixed()) return;
  throw_input_error("{} of {} over axis {}, the batch: rows must not depend on each other", what,
                    to_string(shape), axis);
}

void require_fixed(const NodeView& view, std::size_t i, const char* what) {
  if (is_fixed(view.input(i).shape)) return;
  throw_input_error(
      "input {} ({}): expected a fixed shape, found {}: rows must not depend on each "
      "other",
      i, what, to_string(view.input(i).shape));
}

}  // namespace widepipe::model
