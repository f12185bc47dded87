#include "model/infer_expand.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.h"
#include "kernels/dtype_dispatch.h"
#include "model/known_values.h"
#include "model/row_axes.h"

namespace widepipe::model {
namespace {

/// The elements of input `i`, a list of sizes.
std::vector<Dim> sizes(const NodeView& view, std::size_t i, const char* what) {
  std::vector<Dim> dims = required_dims(view, i, what);
  if (view.input(i).shape.size() != 1 ||
      std::any_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.fixed < 0; })) {
    throw_input_error("input {} ({}): expected a list of sizes, found {}", i, what,
                      to_string(dims));
  }
  return dims;
}

/// How many numbers start, start + delta, ... there are before the limit.
template <typename T>
std::int64_t range_count(T start, T limit, T delta) {
  if (delta == T{0}) throw_input_error("delta: expected a step other than 0");
  const double steps = std::ceil((static_cast<double>(limit) - static_cast<double>(start)) /
                                 static_cast<double>(delta));
  if (!(steps < 0x1p31)) throw_input_error("a range of {} elements is too large", steps);
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(steps));
}

}  // namespace

ValueType infer_constant_of_shape(const NodeView& view) {
  const auto value = view.node.attributes.tensor("value");
  return {value == nullptr ? DType::kF32 : value->dtype(), sizes(view, 0, "shape")};
}

ValueType infer_expand(const NodeView& view) {
  return {view.input(0).dtype, broadcast(view.input(0).shape, sizes(view, 1, "shape"))};
}

ValueType infer_range(const NodeView& view) {
  const Value& start = view.input(0);
  for (std::size_t i = 0; i < view.node.inputs.size(); ++i) {
    const Value& value = view.input(i);
    if (value.constant == nullptr) {
      throw_input_error("input {} ('{}'): expected a constant, but it depends on the {}", i,
                        value.name, value.known() ? "number of rows" : "inputs");
    }
    if (value.dtype != start.dtype || value.constant->count() != 1) {
      throw_input_error("input {} ('{}'): expected one {}, found {} {}", i, value.name,
                        name_of(start.dtype), name_of(value.dtype), to_string(value.shape));
    }
  }
  const std::int64_t count = kernels::dispatch_numeric(start.dtype, [&]<typename T>() {
    return range_count(start.constant->as<T>()[0], view.input(1).constant->as<T>()[0],
                       view.input(2).constant->as<T>()[0]);
  });
  return {start.dtype, {{.fixed = count}}};
}

ValueType infer_tile(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const std::vector<Dim> repeats = sizes(view, 1, "repeats");
  if (repeats.size() != x.size()) {
    throw_input_error("input 1 (repeats): expected one number for each axis of {}, found {}",
                      to_string(x), to_string(repeats));
  }
  SymShape y;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (repeats[i] != Dim{.fixed = 1}) require_no_rows("tiling", x, i);
    const std::vector<Dim> factors = {x[i], repeats[i]};
    y.push_back(product(factors));
  }
  return {view.input(0).dtype, std::move(y)};
}

}  // namespace widepipe::model
