#include "model/known_values.h"

#include <algorithm>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "kernels/axes.h"
#include "kernels/dtype_dispatch.h"
#include "kernels/parts.h"

namespace widepipe::model {
namespace {

using Dims = std::vector<Dim>;

bool is_integer(DType dtype) { return dtype == DType::kI64 || dtype == DType::kI32; }

std::optional<Dims> integers(const NodeView& view, std::size_t i) {
  return view.has(i) ? known_integers(view.input(i)) : std::nullopt;
}

/// The integers of input `i`, if all are plain numbers.
std::optional<std::vector<std::int64_t>> numbers(const NodeView& view, std::size_t i) {
  const auto dims = integers(view, i);
  if (!dims || !is_fixed(*dims)) return std::nullopt;
  return at(*dims, 0);
}

Dims shape_of(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const auto [first, last] = kernels::selected_axes(view.node.attributes, x.size());
  return {x.begin() + first, x.begin() + last};
}

std::optional<Dims> gather(const NodeView& view) {
  const auto from = integers(view, 0);
  const auto indices = numbers(view, 1);
  if (!from || !indices || view.input(0).shape.size() != 1) return std::nullopt;
  Dims result;
  const auto count = static_cast<std::int64_t>(from->size());
  for (const std::int64_t index : *indices) {
    const std::int64_t i = index < 0 ? index + count : index;
    if (i < 0 || i >= count) throw_input_error("index {} is outside {} elements", index, count);
    result.push_back((*from)[static_cast<std::size_t>(i)]);
  }
  return result;
}

/// Slices of one axis, as shapes are taken apart.
std::optional<Dims> slice(const NodeView& view) {
  const auto from = integers(view, 0);
  const bool old = view.node.version < 10;
  const auto list = [&](std::size_t i, const char* name) {
    return old ? std::optional(view.node.attributes.integers(name)) : numbers(view, i);
  };
  const auto starts = list(1, "starts");
  const auto ends = list(2, "ends");
  const auto steps = view.has(4) ? numbers(view, 4) : std::vector<std::int64_t>{1};
  if (!from || !starts || !ends || !steps || view.input(0).shape.size() != 1 ||
      starts->size() != 1 || ends->size() != 1 || steps->size() != 1) {
    return std::nullopt;
  }
  const auto [start, step, count] = kernels::slice_axis(static_cast<std::int64_t>(from->size()),
                                                        (*starts)[0], (*ends)[0], (*steps)[0]);
  Dims result;
  for (std::int64_t i = 0; i < count; ++i) {
    result.push_back((*from)[static_cast<std::size_t>(start + i * step)]);
  }
  return result;
}

std::optional<Dims> concat(const NodeView& view) {
  Dims result;
  for (std::size_t i = 0; i < view.node.inputs.size(); ++i) {
    const auto part = integers(view, i);
    if (!part) return std::nullopt;
    result.insert(result.end(), part->begin(), part->end());
  }
  return result;
}

using Combine = std::optional<Dim> (*)(const Dim&, const Dim&);

std::optional<Dim> plus(const Dim& a, const Dim& b) {
  return Dim{.fixed = a.fixed + b.fixed, .per_row = a.per_row + b.per_row};
}
std::optional<Dim> minus(const Dim& a, const Dim& b) {
  return Dim{.fixed = a.fixed - b.fixed, .per_row = a.per_row - b.per_row};
}
std::optional<Dim> times(const Dim& a, const Dim& b) {
  if (!a.is_fixed() && !b.is_fixed()) return std::nullopt;
  return product(std::vector<Dim>{a, b});
}
std::optional<Dim> divided(const Dim& a, const Dim& b) {
  if (a.is_fixed() && b.is_fixed()) {
    return b.fixed == 0 ? std::nullopt : std::optional(Dim{.fixed = a.fixed / b.fixed});
  }
  return divide(a, b);
}
/// Equal, where the number of rows does not decide it: 1 or 0.
std::optional<Dim> equals(const Dim& a, const Dim& b) {
  if (a == b) return Dim{.fixed = 1};
  const std::int64_t slope = a.per_row - b.per_row;
  const std::int64_t difference = a.fixed - b.fixed;
  // There is at least one row.
  const bool never = slope == 0 || (slope > 0 ? slope + difference > 0 : slope + difference < 0);
  return never ? std::optional(Dim{.fixed = 0}) : std::nullopt;
}

std::optional<Dims> combine(const NodeView& view, Combine combine_one) {
  const auto a = integers(view, 0);
  const auto b = integers(view, 1);
  if (!a || !b) return std::nullopt;
  const std::size_t count = a->size() == 1 ? b->size() : a->size();
  if (b->size() != count && b->size() != 1) return std::nullopt;
  Dims result;
  for (std::size_t i = 0; i < count; ++i) {
    const auto one = combine_one((*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]);
    if (!one) return std::nullopt;
    result.push_back(*one);
  }
  return result;
}

std::optional<Dims> where(const NodeView& view) {
  const auto condition = numbers(view, 0);
  const auto a = integers(view, 1);
  const auto b = integers(view, 2);
  if (!condition || !a || !b) return std::nullopt;
  const std::size_t count = std::max({condition->size(), a->size(), b->size()});
  const auto pick = [count](const auto& list, std::size_t i) {
    return list[list.size() == count ? i : 0];
  };
  Dims result;
  for (std::size_t i = 0; i < count; ++i) {
    result.push_back(pick(*condition, i) != 0 ? pick(*a, i) : pick(*b, i));
  }
  return result;
}

}  // namespace

std::optional<std::vector<Dim>> known_integers(const Value& value) {
  if (value.contents) return value.contents;
  if (value.constant == nullptr || value.shape.size() > 1) return std::nullopt;
  Dims result;
  const auto copy = [&](const auto& elements) {
    for (const auto element : elements) result.push_back({.fixed = element});
  };
  if (value.dtype == DType::kI64) {
    copy(value.constant->as<std::int64_t>());
  } else if (value.dtype == DType::kI32) {
    copy(value.constant->as<std::int32_t>());
  } else if (value.dtype == DType::kBool) {
    copy(value.constant->as<std::uint8_t>());
  } else {
    return std::nullopt;
  }
  return result;
}

std::vector<Dim> required_dims(const NodeView& view, std::size_t i, const char* what) {
  if (!view.has(i)) throw_input_error("input {} ({}) is missing", i, what);
  const Value& value = view.input(i);
  const auto dims = known_integers(value);
  if (!dims) {
    throw_input_error("input {} ({}): expected constant integers, '{}' ({}) depends on the inputs",
                      i, what, value.name, name_of(value.dtype));
  }
  return *dims;
}

std::vector<std::int64_t> required_integers(const NodeView& view, std::size_t i, const char* what) {
  const auto dims = required_dims(view, i, what);
  if (!is_fixed(dims)) {
    throw_input_error("input {} ({}): '{}' depends on the number of rows: {}", i, what,
                      view.input(i).name, to_string(dims));
  }
  return at(dims, 0);
}

std::optional<std::vector<Dim>> known_result(const NodeView& view, const ValueType& output) {
  if ((!is_integer(output.dtype) && output.dtype != DType::kBool) || output.shape.size() > 1) {
    return std::nullopt;
  }
  const std::string_view op = view.node.op;
  if (op == "Shape") return shape_of(view);
  if (op == "Size") return Dims{product(view.input(0).shape)};
  if (op == "Gather") return gather(view);
  if (op == "Slice") return slice(view);
  if (op == "Concat") return concat(view);
  if (op == "Identity" || op == "Squeeze" || op == "Unsqueeze" || op == "Reshape" ||
      (op == "Cast" && is_integer(output.dtype))) {
    return integers(view, 0);
  }
  if (op == "Add") return combine(view, plus);
  if (op == "Sub") return combine(view, minus);
  if (op == "Mul") return combine(view, times);
  if (op == "Div") return combine(view, divided);
  if (op == "Equal") return combine(view, equals);
  if (op == "Where") return where(view);
  return std::nullopt;
}

Tensor materialized(const Value& value, std::int64_t rows) {
  Tensor tensor(value.dtype, at(value.shape, rows));
  kernels::dispatch_numeric(
      value.dtype == DType::kBool ? DType::kU8 : value.dtype, [&]<typename T>() {
        std::transform(value.contents->begin(), value.contents->end(), tensor.as<T>().begin(),
                       [rows](const Dim& dim) { return static_cast<T>(dim.at(rows)); });
      });
  return tensor;
}

const Tensor* KnownValues::tensor(ValueId id) {
  if (id == kNoValue) return nullptr;
  const Value& value = graph_->value(id);
  if (value.constant != nullptr || !value.contents) return value.constant.get();
  auto& made = made_[id];
  if (made == nullptr) made = std::make_unique<Tensor>(materialized(value, rows_));
  return made.get();
}

}  // namespace widepipe::model
