#include "model/infer_gather.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/error.h"
#include "model/rows_apart.h"

namespace widepipe::model {
namespace {

std::ptrdiff_t offset(std::size_t axis) { return static_cast<std::ptrdiff_t>(axis); }

}  // namespace

ValueType infer_gather(const NodeView& view) {
  const SymShape& data = view.input(0).shape;
  const SymShape& indices = view.input(1).shape;
  const std::size_t axis = named_axis(view, data, 0);
  require_no_rows(data, axis, "gather");
  SymShape y(data.begin(), data.begin() + offset(axis));
  y.insert(y.end(), indices.begin(), indices.end());
  y.insert(y.end(), data.begin() + offset(axis) + 1, data.end());
  return {view.input(0).dtype, std::move(y)};
}

ValueType infer_gather_elements(const NodeView& view) {
  const SymShape& data = view.input(0).shape;
  const SymShape& indices = view.input(1).shape;
  const std::size_t axis = named_axis(view, data, 0);
  require_no_rows(data, axis, "gather");
  bool fits = indices.size() == data.size();
  for (std::size_t i = 0; fits && i < data.size(); ++i) {
    // Fewer indices than elements are allowed, but not fewer than rows: rows meet rows.
    fits = i == axis || indices[i] == data[i] ||
           (indices[i].is_fixed() && data[i].is_fixed() && indices[i].fixed <= data[i].fixed);
  }
  if (!fits) {
    throw_input_error("indices {} do not fit data {} along axis {}", to_string(indices),
                      to_string(data), axis);
  }
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
    require_no_rows(data, static_cast<std::size_t>(i), "gather");
  }
  SymShape y(indices.begin(), indices.end() - 1);
  y.insert(y.end(), data.begin() + end, data.end());
  return {view.input(0).dtype, std::move(y)};
}

}  // namespace widepipe::model
