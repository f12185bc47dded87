#include "model/infer_view.h"

#include <fmt/format.h>

#include <optional>
#include <span>
#include <vector>

#include "core/error.h"
#include "kernels/checks.h"

namespace widepipe::model {
namespace {

/// The shape that a Reshape asks for: an attribute up to version 4, an input since.
std::vector<std::int64_t> asked_shape(const NodeView& view) {
  if (view.node.version < 5) return view.node.attributes.integers("shape");
  if (!view.has(1)) throw_input_error("input 1 (shape) is missing");
  const Value& shape = view.input(1);
  if (shape.constant == nullptr) {
    throw_input_error("input 1 (shape): expected a constant, '{}' depends on the inputs",
                      shape.name);
  }
  if (shape.dtype != DType::kI64 || shape.shape.size() != 1) {
    throw_input_error("input 1 (shape): expected a list of i64, found {} {}", name_of(shape.dtype),
                      to_string(shape.shape));
  }
  const auto values = shape.constant->as<std::int64_t>();
  return {values.begin(), values.end()};
}

/// total / part, if it is a Dim: the whole number, per row and fixed, that makes up the total.
std::optional<Dim> divide(const Dim& total, const Dim& part) {
  if (part.is_fixed()) {
    if (part.fixed == 0 || total.fixed % part.fixed != 0 || total.per_row % part.fixed != 0) {
      return std::nullopt;
    }
    return Dim{.fixed = total.fixed / part.fixed, .per_row = total.per_row / part.fixed};
  }
  // Both depend on N: the ratio is fixed where the parts are proportional.
  const std::int64_t ratio = total.per_row / part.per_row;
  if (ratio * part.per_row != total.per_row || ratio * part.fixed != total.fixed) {
    return std::nullopt;
  }
  return Dim{.fixed = ratio};
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
  const std::vector<std::int64_t> asked = asked_shape(view);
  const bool zero_is_zero = view.node.attributes.integer("allowzero", 0) != 0;
  const auto misfit = [&] {
    return fmt::format("cannot reshape {} to {}", to_string(x), widepipe::to_string(asked));
  };

  SymShape y;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Dim dim{.fixed = asked[i]};
    if (asked[i] == 0 && !zero_is_zero) {
      if (i >= x.size()) throw_input_error("{}: there is no axis {} to copy", misfit(), i);
      dim = x[i];
    } else if (asked[i] == -1 && !open) {
      open = i;
      dim.fixed = 1;
    } else if (asked[i] < 0) {
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

}  // namespace widepipe::model
