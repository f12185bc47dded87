#include "model/infer_reduce.h"

#include <utility>

#include "core/error.h"
#include "kernels/axes.h"
#include "kernels/checks.h"
#include "model/known_values.h"
#include "model/row_axes.h"

namespace widepipe::model {
namespace {

/// The input's shape without the axes, or with size 1 there.
SymShape shape_without(const NodeView& view, const std::vector<bool>& reduced) {
  const SymShape& x = view.input(0).shape;
  const bool keeps = view.node.attributes.integer("keepdims", 1) != 0;
  SymShape y;
  for (std::size_t axis = 0; axis < x.size(); ++axis) {
    if (!reduced[axis]) {
      y.push_back(x[axis]);
      continue;
    }
    require_no_rows(view.node.op, x, axis);
    if (keeps) y.push_back({.fixed = 1});
  }
  return y;
}

}  // namespace

ValueType infer_reduce(const NodeView& view) {
  std::vector<std::int64_t> listed;
  if (view.has(1)) {
    if (view.input(1).dtype != DType::kI64) {
      throw_input_error("input 1 (axes): expected i64, found {}", name_of(view.input(1).dtype));
    }
    listed = required_integers(view, 1, "axes");
  }
  const std::size_t rank = view.input(0).shape.size();
  return {view.input(0).dtype,
          shape_without(view, kernels::reduced_axes(view.node.attributes, rank, listed))};
}

ValueType infer_arg_reduce(const NodeView& view) {
  const auto rank = static_cast<std::int64_t>(view.input(0).shape.size());
  std::vector<bool> reduced(view.input(0).shape.size(), false);
  const std::int64_t axis = view.node.attributes.integer("axis", 0);
  reduced.at(static_cast<std::size_t>(kernels::normalized_axis(axis, rank, rank - 1))) = true;
  return {DType::kI64, shape_without(view, reduced)};
}

}  // namespace widepipe::model
