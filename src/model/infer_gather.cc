#include "model/infer_gather.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/error.h"
#include "model/known_values.h"
#include "model/row_axes.h"

namespace widepipe::model {
namespace {

std::ptrdiff_t offset(std::size_t axis) { return static_cast<std::ptrdiff_t>(axis); }

/// Fewer indices than elements are allowed but along `axis`, but not fewer than rows: rows meet
/// rows.
void require_aligned(const SymShape& data, const SymShape& indices, std::size_t axis) {
  bool fits = indices.size() == data.size();
  for (std::size_t i = 0; fits && i < data.size(); ++i) {
    fits = i == axis || indices[i] == data[i] ||
           (indices[i].is_fixed() && data[i].is_fixed() && indices[i].fixed <= data[i].fixed);
  }
  if (!fits) {
    throw_input_error("indices {} do not fit data {} along axis {}", to_string(indices),
                      to_string(data), axis);
  }
}

/// The one number that input `i` holds, which may be of a float type.
std::int64_t required_number(const NodeView& view, std::size_t i, const char* what) {
  const Tensor* constant = view.has(i) ? view.input(i).constant.get() : nullptr;
  if (constant != nullptr && constant->count() == 1 && constant->dtype() == DType::kF32) {
    const float number = constant->as<float>()[0];
    if (number >= 0.0F && number < 0x1p31F) return static_cast<std::int64_t>(number);
    throw_input_error("input {} ({}): expected a size, found {}", i, what, number);
  }
  const auto numbers = required_integers(view, i, what);
  if (numbers.size() != 1) {
    throw_input_error("input {} ({}): expected one number, found {}", i, what,
                      widepipe::to_string(numbers));
  }
  return numbers[0];
}

}  // namespace

ValueType infer_gather(const NodeView& view) {
  const SymShape& data = view.input(0).shape;
  const SymShape& indices = view.input(1).shape;
  const std::size_t axis = named_axis(view, data, 0);
  require_no_rows("gather", data, axis);
  SymShape y(data.begin(), data.begin() + offset(axis));
  y.insert(y.end(), indices.begin(), indices.end());
  y.insert(y.end(), data.begin() + offset(axis) + 1, data.end());
  return {view.input(0).dtype, std::move(y)};
}

ValueType infer_gather_elements(const NodeView& view) {
  const SymShape& data = view.input(0).shape;
  const SymShape& indices = view.input(1).shape;
  const std::size_t axis = named_axis(view, data, 0);
  require_no_rows("gather", data, axis);
  require_aligned(data, indices, axis);
  return {view.input(0).dtype, indices};
}

ValueType infer_gather_nd(const NodeView& view) {
  const SymShape& data = view.input(0).shape;
  const SymShape& indices = view.input(1).shape;
  const std::int64_t batch = view.node.attributes.integer("batch_dims", 0);
  const auto rank = static_cast<std::int64_t>(std::min(data.size(), indices.size()));
  const auto misfit = [&] {
    throw_input_error("indices {} with batch_dims {} do not fit data {}", to_string(indices), batch,
                      to_string(data));
  };
  if (batch < 0 || batch >= rank || !indices.back().is_fixed()) misfit();
  const std::int64_t end = batch + indices.back().fixed;
  if (end <= batch || end > static_cast<std::int64_t>(data.size()) ||
      !std::equal(data.begin(), data.begin() + batch, indices.begin())) {
    misfit();
  }
  for (std::int64_t i = batch; i < end; ++i) {
    require_no_rows("gather", data, static_cast<std::size_t>(i));
  }
  SymShape y(indices.begin(), indices.end() - 1);
  y.insert(y.end(), data.begin() + end, data.end());
  return {view.input(0).dtype, std::move(y)};
}

ValueType infer_scatter_elements(const NodeView& view) {
  const SymShape& data = view.input(0).shape;
  const SymShape& indices = view.input(1).shape;
  const std::size_t axis = named_axis(view, data, 0);
  require_no_rows("scatter", data, axis);
  require_aligned(data, indices, axis);
  require_no_rows("scatter", indices, axis);
  if (view.input(2).shape != indices) {
    throw_input_error("updates: expected shape {} of the indices, found {}", to_string(indices),
                      to_string(view.input(2).shape));
  }
  return {view.input(0).dtype, data};
}

ValueType infer_scatter_nd(const NodeView& view) {
  const SymShape& data = view.input(0).shape;
  const SymShape& indices = view.input(1).shape;
  require_fixed(view, 1, "indices");
  const std::int64_t count = indices.empty() ? 0 : indices.back().fixed;
  if (count < 1 || count > static_cast<std::int64_t>(data.size())) {
    throw_input_error("indices {} do not fit data {}", to_string(indices), to_string(data));
  }
  for (std::int64_t i = 0; i < count; ++i) {
    require_no_rows("scatter", data, static_cast<std::size_t>(i));
  }
  SymShape updates(indices.begin(), indices.end() - 1);
  updates.insert(updates.end(), data.begin() + count, data.end());
  if (view.input(2).shape != updates) {
    throw_input_error("updates: expected shape {}, found {}", to_string(updates),
                      to_string(view.input(2).shape));
  }
  return {view.input(0).dtype, data};
}

ValueType infer_one_hot(const NodeView& view) {
  const std::int64_t depth = required_number(view, 1, "depth");
  require_fixed(view, 2, "values");
  if (depth < 1 || view.input(2).shape != SymShape{{.fixed = 2}}) {
    throw_input_error("expected at least one class and two values, found depth {} and values {}",
                      depth, to_string(view.input(2).shape));
  }
  SymShape y = view.input(0).shape;
  y.push_back({.fixed = depth});
  const std::size_t axis = named_axis(view, y, -1);
  std::rotate(y.begin() + offset(axis), y.end() - 1, y.end());
  return {view.input(2).dtype, std::move(y)};
}

ValueTypes infer_topk(const NodeView& view) {
  SymShape y = view.input(0).shape;
  const std::size_t axis = named_axis(view, y, -1);
  require_no_rows("top k", y, axis);
  const std::int64_t count = view.node.version < 10 ? view.node.attributes.integer("k", -1)
                                                    : required_number(view, 1, "k");
  if (count < 0 || count > y[axis].fixed) {
    throw_input_error("k: expected at most the {} elements of axis {}, found {}", y[axis].fixed,
                      axis, count);
  }
  y[axis].fixed = count;
  return {{view.input(0).dtype, y}, {DType::kI64, y}};
}

}  // namespace widepipe::model
