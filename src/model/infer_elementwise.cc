#include "model/infer_elementwise.h"

#include <array>
#include <string_view>

#include "core/error.h"
#include "kernels/checks.h"

namespace widepipe::model {
namespace {

ValueType type_of(const Value& value) { return {value.dtype, value.shape}; }

void require_same_dtype(const NodeView& view, std::size_t i) {
  const DType expected = view.input(0).dtype;
  if (view.input(i).dtype != expected) {
    throw_input_error("input {} ('{}'): expected {} like input 0, found {}", i, view.input(i).name,
                      name_of(expected), name_of(view.input(i).dtype));
  }
}

/// The shape of B up to version 6, where `axis` says at which axis of A the axes of B start.
SymShape old_shape_of_b(const NodeView& view) {
  const SymShape& a = view.input(0).shape;
  SymShape b = view.input(1).shape;
  if (view.node.attributes.integer("broadcast", 0) == 0) {
    if (a != b) {
      throw_input_error("expected inputs of one shape, as broadcast is 0, found {} and {}",
                        to_string(a), to_string(b));
    }
    return b;
  }
  if (view.node.attributes.has("axis")) {
    const auto rank = static_cast<std::int64_t>(a.size());
    const auto axis = static_cast<std::size_t>(
        kernels::normalized_axis(view.node.attributes.integer("axis", 0), rank, rank - 1));
    if (axis + b.size() <= a.size()) b.resize(a.size() - axis, {.fixed = 1});
  }
  return b;
}

}  // namespace

ValueType infer_same(const NodeView& view) { return type_of(view.input(0)); }

ValueType infer_clip(const NodeView& view) {
  for (std::size_t i = 1; i < view.node.inputs.size(); ++i) {
    if (!view.has(i)) continue;
    require_same_dtype(view, i);
    if (product(view.input(i).shape) != Dim{.fixed = 1}) {
      throw_input_error("{}: expected one element, found shape {}", i == 1 ? "min" : "max",
                        to_string(view.input(i).shape));
    }
  }
  return type_of(view.input(0));
}

ValueType infer_add(const NodeView& view) {
  require_same_dtype(view, 1);
  const SymShape& a = view.input(0).shape;
  if (view.node.version >= 7) return {view.input(0).dtype, broadcast(a, view.input(1).shape)};
  const SymShape b = old_shape_of_b(view);
  if (broadcast(a, b) != a) {
    throw_input_error("B: shape {} cannot be broadcast to {} of A", to_string(view.input(1).shape),
                      to_string(a));
  }
  return type_of(view.input(0));
}

ValueType infer_batch_normalization(const NodeView& view) {
  const kernels::Attributes& attributes = view.node.attributes;
  if (attributes.integer("training_mode", 0) != 0 ||
      (view.node.version < 7 && attributes.integer("is_test", 0) == 0)) {
    throw_input_error("only the inference form is supported, found {}",
                      view.node.version < 7 ? "is_test 0" : "training_mode 1");
  }
  if (view.node.version < 9 && attributes.integer("spatial", 1) == 0) {
    throw_input_error("attribute spatial: expected 1, found 0");
  }
  const SymShape& x = view.input(0).shape;
  if (x.size() < 2) throw_input_error("X: expected at least 2 axes, found {}", to_string(x));
  constexpr std::array<std::string_view, 5> kNames = {"X", "scale", "B", "mean", "var"};
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    if (view.input(i).shape != SymShape{x[1]}) {
      throw_input_error("{}: expected shape [{}], one for each channel of X, found {}", kNames[i],
                        to_string(x[1]), to_string(view.input(i).shape));
    }
  }
  return type_of(view.input(0));
}

ValueType infer_softmax(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const auto rank = static_cast<std::int64_t>(x.size());
  const bool old = view.node.version < 13;  // softmax over all axes from `axis` on
  const std::int64_t axis = kernels::normalized_axis(
      view.node.attributes.integer("axis", old ? 1 : -1), rank, old ? rank : rank - 1);
  if (axis == 0 && !x.empty() && !x[0].is_fixed()) {
    throw_input_error("softmax of {} over axis 0, the batch: rows must not depend on each other",
                      to_string(x));
  }
  return type_of(view.input(0));
}

}  // namespace widepipe::model
