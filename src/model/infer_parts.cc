#include "model/infer_parts.h"

#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "kernels/checks.h"
#include "kernels/pads.h"
#include "kernels/parts.h"
#include "model/known_values.h"
#include "model/row_axes.h"

namespace widepipe::model {
namespace {

using Integers = std::vector<std::int64_t>;

/// What a Slice asks for; ends may depend on the number of rows.
struct SliceEnds {
  kernels::SliceRequest request;  ///< with an end of 0 for each that does
  std::vector<Dim> ends;
};

/// Up to version 9 attributes, inputs since.
SliceEnds slice_ends(const NodeView& view) {
  const kernels::Attributes& attributes = view.node.attributes;
  if (view.node.version < 10) {
    const Integers ends = attributes.integers("ends");
    return {.request = {.starts = attributes.integers("starts"),
                        .ends = ends,
                        .axes = attributes.has("axes") ? std::optional(attributes.integers("axes"))
                                                       : std::nullopt,
                        .steps = std::nullopt},
            .ends = fixed_shape(ends)};
  }
  const auto optional = [&](std::size_t i, const char* name) {
    return view.has(i) ? std::optional(required_integers(view, i, name)) : std::nullopt;
  };
  SliceEnds result{.request = {.starts = required_integers(view, 1, "starts"),
                               .ends = {},
                               .axes = optional(3, "axes"),
                               .steps = optional(4, "steps")},
                   .ends = required_dims(view, 2, "ends")};
  for (const Dim& end : result.ends) {
    result.request.ends.push_back(end.is_fixed() ? end.fixed : 0);
  }
  return result;
}

/// The end is at or behind the last of the rows, however many there are.
bool covers(const Dim& end, const Dim& rows) {
  constexpr std::int64_t kAll = 1'000'000'000;  // exporters write this or more to say "all"
  return end == rows || (end.is_fixed() && end.fixed >= kAll);
}

}  // namespace

ValueType infer_concat(const NodeView& view) {
  SymShape y = view.input(0).shape;
  if (view.node.version >= 4 && !view.node.attributes.has("axis")) {
    throw_input_error("attribute axis is missing");
  }
  const std::size_t axis = named_axis(view, y, 1);
  const std::size_t count = view.node.inputs.size();
  Dim total;
  for (std::size_t i = 0; i < count; ++i) {
    if (!view.has(i)) throw_input_error("input {} is missing", i);
    const Value& part = view.input(i);
    if (part.dtype != view.input(0).dtype) {
      throw_input_error("input {} ('{}'): expected {} like input 0, found {}", i, part.name,
                        name_of(view.input(0).dtype), name_of(part.dtype));
    }
    SymShape x = part.shape;
    if (x.size() == y.size()) {
      if (count > 1) require_no_rows("concatenation", x, axis);
      total = {.fixed = total.fixed + x[axis].fixed, .per_row = total.per_row + x[axis].per_row};
      x[axis] = y[axis];
    }
    if (x != y) {
      throw_input_error("input {} ('{}'): shape {} does not fit {} of input 0 along axis {}", i,
                        part.name, to_string(part.shape), to_string(view.input(0).shape), axis);
    }
  }
  y[axis] = total;
  return {view.input(0).dtype, std::move(y)};
}

ValueType infer_slice(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  SliceEnds asked = slice_ends(view);
  kernels::SliceRequest& request = asked.request;
  const std::vector<std::size_t> axes = kernels::sliced_axes(request, x.size());
  // The axis of the rows, which must stay whole, is sliced as if it were one element.
  Shape sizes = at(x, 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const Dim& size = x[axes[i]];
    if (size.is_fixed()) {
      if (asked.ends[i].is_fixed()) continue;
      throw_input_error("ends: the end {} of axis {} depends on the number of rows",
                        to_string(asked.ends[i]), axes[i]);
    }
    const bool whole = request.starts[i] == 0 && covers(asked.ends[i], size) &&
                       (!request.steps || (*request.steps)[i] == 1);
    if (!whole) require_no_rows("slice", x, axes[i]);
    sizes[axes[i]] = 1;
    request.ends[i] = 1;
  }
  SymShape y = x;
  const std::vector<kernels::SliceAxis> slices = kernels::slice_axes(sizes, request);
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (y[i].is_fixed()) y[i].fixed = slices[i].count;
  }
  return {view.input(0).dtype, std::move(y)};
}

ValueTypes infer_split(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const kernels::Attributes& attributes = view.node.attributes;
  const std::size_t axis = named_axis(view, x, 0);
  require_no_rows("split", x, axis);
  std::optional<Integers> stated;
  if (view.node.version < 13) {
    if (attributes.has("split")) stated = attributes.integers("split");
  } else if (view.has(1)) {
    stated = required_integers(view, 1, "split");
  }
  ValueTypes types;
  for (const std::int64_t size :
       kernels::split_sizes(attributes, stated, x[axis].fixed, view.node.outputs.size())) {
    SymShape y = x;
    y[axis].fixed = size;
    types.push_back({view.input(0).dtype, std::move(y)});
  }
  return types;
}

ValueType infer_pad(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const bool old = view.node.version < 11;
  const Integers stated =
      old ? view.node.attributes.integers("pads") : required_integers(view, 1, "pads");
  const auto axes =
      !old && view.has(3) ? std::optional(required_integers(view, 3, "axes")) : std::nullopt;
  if (!old && view.has(2)) {
    require_fixed(view, 2, "constant_value");
    if (view.input(2).dtype != view.input(0).dtype ||
        product(view.input(2).shape) != Dim{.fixed = 1}) {
      throw_input_error("input 2 (constant_value): expected one {}, found {} {}",
                        name_of(view.input(0).dtype), name_of(view.input(2).dtype),
                        to_string(view.input(2).shape));
    }
  }
  SymShape y = x;
  const std::vector<kernels::AxisPads> pads = kernels::axis_pads(stated, axes, x.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (pads[i].begin == 0 && pads[i].end == 0) continue;
    require_no_rows("padding", x, i);
    y[i].fixed += pads[i].begin + pads[i].end;
    if (y[i].fixed < 0) {
      throw_input_error("pads {} and {} take away more than the {} elements of axis {}",
                        pads[i].begin, pads[i].end, x[i].fixed, i);
    }
  }
  return {view.input(0).dtype, std::move(y)};
}

ValueType infer_cum_sum(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const Integers axis = required_integers(view, 1, "axis");
  if (axis.size() != 1) {
    throw_input_error("input 1 (axis): expected one number, found {}", widepipe::to_string(axis));
  }
  const auto rank = static_cast<std::int64_t>(x.size());
  require_no_rows("sum", x,
                  static_cast<std::size_t>(kernels::normalized_axis(axis[0], rank, rank - 1)));
  return {view.input(0).dtype, x};
}

ValueType infer_trilu(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  if (x.size() < 2) throw_input_error("X: expected at least 2 axes, found {}", to_string(x));
  require_no_rows("triangle", x, x.size() - 2);
  require_no_rows("triangle", x, x.size() - 1);
  if (view.has(1)) {
    const Integers diagonal = required_integers(view, 1, "k");
    if (diagonal.size() != 1) {
      throw_input_error("input 1 (k): expected one number, found {}",
                        widepipe::to_string(diagonal));
    }
  }
  return {view.input(0).dtype, x};
}

}  // namespace widepipe::model
