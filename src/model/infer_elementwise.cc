#include "model/infer_elementwise.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "kernels/checks.h"
#include "model/onnx_dtype.h"

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

/// The shape of an operator on A and B with broadcasting.
SymShape shape_of_two(const NodeView& view) {
  const SymShape& a = view.input(0).shape;
  if (view.node.version >= 7) return broadcast(a, view.input(1).shape);
  if (broadcast(a, old_shape_of_b(view)) != a) {
    throw_input_error("B: shape {} cannot be broadcast to {} of A", to_string(view.input(1).shape),
                      to_string(a));
  }
  return a;
}

/// Beyond ONNX's numbers of element types.
constexpr std::int64_t kNoOnnxType = 1 << 20;

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

ValueType infer_binary(const NodeView& view) {
  require_same_dtype(view, 1);
  return {view.input(0).dtype, shape_of_two(view)};
}

ValueType infer_comparison(const NodeView& view) {
  require_same_dtype(view, 1);
  return {DType::kBool, shape_of_two(view)};
}

ValueType infer_pow(const NodeView& view) {
  if (view.node.version < 12) require_same_dtype(view, 1);
  return {view.input(0).dtype, shape_of_two(view)};
}

ValueType infer_prelu(const NodeView& view) {
  require_same_dtype(view, 1);
  const SymShape& x = view.input(0).shape;
  SymShape slope = view.input(1).shape;
  // Up to version 6, a slope for each channel is on axis 1.
  if (view.node.version < 7 && slope.size() == 1 && slope[0] != Dim{.fixed = 1} && x.size() > 2) {
    slope.resize(x.size() - 1, {.fixed = 1});
  }
  if (broadcast(x, slope) != x) {
    throw_input_error("slope: shape {} cannot be broadcast to {} of X",
                      to_string(view.input(1).shape), to_string(x));
  }
  return type_of(view.input(0));
}

ValueType infer_variadic(const NodeView& view) {
  SymShape y = view.input(0).shape;
  for (std::size_t i = 1; i < view.node.inputs.size(); ++i) {
    if (!view.has(i)) throw_input_error("input {} is missing", i);
    require_same_dtype(view, i);
    const SymShape& x = view.input(i).shape;
    if (view.node.version < 8 && x != y) {
      throw_input_error("expected inputs of one shape in opset {}, found {} and {}",
                        view.node.version, to_string(y), to_string(x));
    }
    y = broadcast(y, x);
  }
  return {view.input(0).dtype, std::move(y)};
}

ValueType infer_predicate(const NodeView& view) { return {DType::kBool, view.input(0).shape}; }

ValueType infer_where(const NodeView& view) {
  if (view.input(0).dtype != DType::kBool) {
    throw_input_error("condition '{}': expected bool, found {}", view.input(0).name,
                      name_of(view.input(0).dtype));
  }
  if (view.input(1).dtype != view.input(2).dtype) {
    throw_input_error("X and Y: expected one type, found {} and {}", name_of(view.input(1).dtype),
                      name_of(view.input(2).dtype));
  }
  return {view.input(1).dtype,
          broadcast(view.input(0).shape, broadcast(view.input(1).shape, view.input(2).shape))};
}

ValueType infer_cast(const NodeView& view) {
  if (!view.node.attributes.has("to")) throw_input_error("attribute to is missing");
  const std::int64_t to = view.node.attributes.integer("to", 0);
  return {dtype_of(static_cast<std::int32_t>(std::clamp<std::int64_t>(to, 0, kNoOnnxType))),
          view.input(0).shape};
}

ValueType infer_cast_like(const NodeView& view) {
  return {view.input(1).dtype, view.input(0).shape};
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

}  // namespace widepipe::model
