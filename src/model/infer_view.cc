#include "model/infer_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "core/error.h"
#include "kernels/axes.h"
#include "kernels/checks.h"
#include "model/known_values.h"

namespace widepipe::model {
namespace {

/// The shape that a Reshape asks for: an attribute up to version 4, an input since. Sizes may
/// depend on the number of rows.
std::vector<Dim> asked_shape(const NodeView& view) {
  if (view.node.version < 5) return fixed_shape(view.node.attributes.integers("shape"));
  if (!view.has(1)) throw_input_error("input 1 (shape) is missing");
  const Value& shape = view.input(1);
  if (shape.dtype != DType::kI64 || shape.shape.size() != 1) {
    throw_input_error("input 1 (shape): expected a list of i64, found {} {}", name_of(shape.dtype),
                      to_string(shape.shape));
  }
  const auto known = known_integers(shape);
  if (!known) {
    throw_input_error("input 1 (shape): expected a constant, '{}' depends on the inputs",
                      shape.name);
  }
  return *known;
}

/// The axes that a Squeeze or Unsqueeze names: an attribute up to version 12, an input since.
std::vector<std::int64_t> axes_of(const NodeView& view) {
  if (view.node.version < 13) return view.node.attributes.integers("axes");
  return view.has(1) ? required_integers(view, 1, "axes") : std::vector<std::int64_t>{};
}

/// Whether each of `rank` axes is named. Throws InputError if one is named twice or is not there.
std::vector<bool> named_axes(const NodeView& view, std::size_t rank) {
  std::vector<bool> named(rank, false);
  for (const std::int64_t axis : axes_of(view)) {
    const auto count = static_cast<std::int64_t>(rank);
    const auto i = static_cast<std::size_t>(kernels::normalized_axis(axis, count, count - 1));
    if (named[i]) throw_input_error("axis {} is named twice", axis);
    named[i] = true;
  }
  return named;
}

}  // namespace

ValueType infer_flatten(const NodeView& view) {
  const std::span<const Dim> x(view.input(0).shape);
  const auto rank = static_cast<std::int64_t>(x.size());
  const auto axis = static_cast<std::size_t>(
      kernels::normalized_axis(view.node.attributes.integer("axis", 1), rank, rank));
  return {view.input(0).dtype, {product(x.first(axis)), product(x.subspan(axis))}};
}

ValueType infer_reshape(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const std::vector<Dim> asked = asked_shape(view);
  constexpr Dim kZero{.fixed = 0};
  constexpr Dim kRest{.fixed = -1};
  const bool zero_is_zero = view.node.attributes.integer("allowzero", 0) != 0;
  const auto misfit = [&] {
    return fmt::format("cannot reshape {} to {}", to_string(x), to_string(asked));
  };

  SymShape y;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Dim dim = asked[i];
    if (dim == kZero && !zero_is_zero) {
      if (i >= x.size()) throw_input_error("{}: there is no axis {} to copy", misfit(), i);
      dim = x[i];
    } else if (dim == kRest && !open) {
      open = i;
      dim.fixed = 1;
    } else if (dim.fixed < 0) {
      throw_input_error("{}: expected sizes, and -1 at most once", misfit());
    }
    y.push_back(dim);
  }
  const Dim total = product(x);
  if (open) {
    const auto rest = divide(total, product(y));
    if (!rest) throw_input_error("{}: the sizes do not divide the elements", misfit());
    y[*open] = *rest;
  } else if (product(y) != total) {
    throw_input_error(
        "{}: {} elements do not fill {}{}", misfit(), to_string(total), to_string(product(y)),
        !total.is_fixed() && product(y).is_fixed() ? " (the shape fixes the number of rows)" : "");
  }
  return {view.input(0).dtype, std::move(y)};
}

ValueType infer_squeeze(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const std::vector<bool> gone = named_axes(view, x.size());
  const bool all = std::find(gone.begin(), gone.end(), true) == gone.end();
  SymShape y;
  for (std::size_t axis = 0; axis < x.size(); ++axis) {
    const bool is_one = x[axis] == Dim{.fixed = 1};
    if (gone[axis] && !is_one) {
      throw_input_error("cannot squeeze axis {} of {}: its size is not 1", axis, to_string(x));
    }
    if (!(gone[axis] || (all && is_one))) y.push_back(x[axis]);
  }
  return {view.input(0).dtype, std::move(y)};
}

ValueType infer_unsqueeze(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const std::size_t added = axes_of(view).size();
  const std::vector<bool> is_new = named_axes(view, x.size() + added);
  SymShape y;
  std::size_t next = 0;
  for (const bool one : is_new) y.push_back(one ? Dim{.fixed = 1} : x[next++]);
  return {view.input(0).dtype, std::move(y)};
}

ValueType infer_transpose(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  SymShape y;
  for (const std::int64_t axis : kernels::transpose_order(view.node.attributes, x.size())) {
    y.push_back(x[static_cast<std::size_t>(axis)]);
  }
  return {view.input(0).dtype, std::move(y)};
}

ValueType infer_shape_of(const NodeView& view) {
  const auto [first, last] =
      kernels::selected_axes(view.node.attributes, view.input(0).shape.size());
  return {DType::kI64, {{.fixed = last - first}}};
}

ValueType infer_size_of(const NodeView&) { return {DType::kI64, {}}; }

}  // namespace widepipe::model
