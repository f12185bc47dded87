#include "model/infer_recurrent.h"

#include <array>
#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "kernels/recurrent_attributes.h"
#include "model/row_axes.h"

namespace widepipe::model {
namespace {

constexpr std::array<std::string_view, 8> kNames = {
    "X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"};

ValueTypes infer_recurrent(const NodeView& view, std::int64_t gates) {
  const auto how = kernels::recurrent_attributes(view.node.op, view.node.attributes);
  const SymShape& x = view.input(0).shape;
  if (x.size() != 3) throw_input_error("X: expected 3 axes, found {}", to_string(x));
  const std::size_t steps_axis = how.batch_first ? 1 : 0;
  require_no_rows("recurrence", x, steps_axis);
  require_no_rows("recurrence", x, 2);
  const Dim batch = x[1 - steps_axis];
  const Dim directions{.fixed = how.directions};
  const Dim hidden{.fixed = how.hidden};
  const Dim rows{.fixed = gates * how.hidden};
  const SymShape state =
      how.batch_first ? SymShape{batch, directions, hidden} : SymShape{directions, batch, hidden};
  const std::array<SymShape, 8> expected = {x,
                                            SymShape{directions, rows, x[2]},
                                            SymShape{directions, rows, hidden},
                                            SymShape{directions, {.fixed = 2 * rows.fixed}},
                                            SymShape{batch},
                                            state,
                                            state,
                                            SymShape{directions, {.fixed = 3 * how.hidden}}};
  for (std::size_t i = 1; i < view.node.inputs.size(); ++i) {
    if (view.has(i) && view.input(i).shape != expected[i]) {
      throw_input_error("{}: expected shape {}, found {}", kNames[i], to_string(expected[i]),
                        to_string(view.input(i).shape));
    }
  }
  const Dim steps = x[steps_axis];
  const DType dtype = view.input(0).dtype;
  return {{dtype, how.batch_first ? SymShape{batch, steps, directions, hidden}
                                  : SymShape{steps, directions, batch, hidden}},
          {dtype, state}};
}

}  // namespace

ValueTypes infer_gru(const NodeView& view) { return infer_recurrent(view, 3); }

ValueTypes infer_lstm(const NodeView& view) {
  ValueTypes types = infer_recurrent(view, 4);
  types.push_back(types.back());
  return types;
}

}  // namespace widepipe::model
