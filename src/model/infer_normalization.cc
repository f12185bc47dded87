#include "model/infer_normalization.h"

#include <utility>
#include <vector>

#include "core/error.h"
#include "kernels/checks.h"
#include "model/row_axes.h"

namespace widepipe::model {
namespace {

ValueType type_of(const Value& value) { return {value.dtype, value.shape}; }

/// Scale or bias must stretch to `y` without changing it.
void require_broadcast(const NodeView& view, std::size_t i, const char* name, const SymShape& y) {
  if (!view.has(i)) return;
  const SymShape& shape = view.input(i).shape;
  if (shape.size() > y.size() || broadcast(y, shape) != y) {
    throw_input_error("{}: shape {} cannot be broadcast to {}", name, to_string(shape),
                      to_string(y));
  }
}

ValueType normalized_along(const NodeView& view, const std::vector<std::int64_t>& axes) {
  const SymShape& x = view.input(0).shape;
  const auto rank = static_cast<std::int64_t>(x.size());
  for (const std::int64_t axis : axes) {
    require_no_rows(view.node.op, x,
                    static_cast<std::size_t>(kernels::normalized_axis(axis, rank, rank - 1)));
  }
  return type_of(view.input(0));
}

}  // namespace

ValueTypes infer_layer_normalization(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const auto rank = static_cast<std::int64_t>(x.size());
  const auto first = static_cast<std::size_t>(
      kernels::normalized_axis(view.node.attributes.integer("axis", -1), rank, rank - 1));
  SymShape statistics = x;
  for (std::size_t axis = first; axis < x.size(); ++axis) {
    require_no_rows(view.node.op, x, axis);
    statistics[axis] = {.fixed = 1};
  }
  const SymShape group(x.begin() + static_cast<std::ptrdiff_t>(first), x.end());
  require_broadcast(view, 1, "Scale", group);
  require_broadcast(view, 2, "B", group);
  return {type_of(view.input(0)), {DType::kF32, statistics}, {DType::kF32, std::move(statistics)}};
}

ValueType infer_group_normalization(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  if (x.size() < 2) throw_input_error("X: expected at least 2 axes, found {}", to_string(x));
  for (std::size_t axis = 1; axis < x.size(); ++axis) require_no_rows(view.node.op, x, axis);
  return type_of(view.input(0));
}

ValueType infer_lp_normalization(const NodeView& view) {
  return normalized_along(view, {view.node.attributes.integer("axis", -1)});
}

ValueType infer_mean_variance_normalization(const NodeView& view) {
  return normalized_along(view, view.node.attributes.integers("axes", {0, 2, 3}));
}

ValueType infer_lrn(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  if (x.size() < 2) throw_input_error("X: expected at least 2 axes, found {}", to_string(x));
  require_no_rows(view.node.op, x, 1);
  return type_of(view.input(0));
}

ValueType infer_softmax(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const auto rank = static_cast<std::int64_t>(x.size());
  const bool old = view.node.version < 13;  // over all axes from `axis` on
  const auto first = static_cast<std::size_t>(kernels::normalized_axis(
      view.node.attributes.integer("axis", old ? 1 : -1), rank, old ? rank : rank - 1));
  const std::size_t end = old ? x.size() : first + 1;
  for (std::size_t axis = first; axis < end; ++axis) require_no_rows(view.node.op, x, axis);
  return type_of(view.input(0));
}

}  // namespace widepipe::model
