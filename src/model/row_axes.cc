#include "model/row_axes.h"

#include "core/error.h"

namespace widepipe::model {

void require_no_rows(std::string_view what, const SymShape& shape, std::size_t axis) {
  if (shape[axis].is_fixed()) return;
  throw_input_error("{} of {} over axis {}, the batch: rows must not depend on each other", what,
                    to_string(shape), axis);
}

}  // namespace widepipe::model
