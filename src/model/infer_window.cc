#include "model/infer_window.h"

#include <span>
#include <utility>
#include <vector>

#include "core/error.h"
#include "kernels/window.h"

namespace widepipe::model {
namespace {

/// The sizes of X's spatial axes, behind batch and channels.
Shape spatial_shape(const SymShape& x) {
  if (x.size() < 3) throw_input_error("X: expected at least 3 axes, found {}", to_string(x));
  Shape spatial;
  for (const Dim& dim : std::span(x).subspan(1)) {
    if (!dim.is_fixed()) {
      throw_input_error("X {}: only axis 0 may hold the batch", to_string(x));
    }
    spatial.push_back(dim.fixed);
  }
  spatial.erase(spatial.begin());
  return spatial;
}

ValueType output_of(const NodeView& view, const Dim& channels,
                    const std::vector<std::int64_t>& spatial) {
  SymShape y = {view.input(0).shape[0], channels};
  for (const std::int64_t size : spatial) y.push_back({.fixed = size});
  return {view.input(0).dtype, std::move(y)};
}

void check_groups(const SymShape& x, const SymShape& w, std::int64_t groups) {
  if (groups < 1 || w[0].fixed < 1 || w[0].fixed % groups != 0) {
    throw_input_error("attribute group: expected a divisor of the {} output channels, found {}",
                      w[0].fixed, groups);
  }
  if (x[1].fixed % groups != 0 || x[1].fixed / groups != w[1].fixed) {
    throw_input_error("W {} with group {} expects {} input channels, found {} in X {}",
                      to_string(w), groups, w[1].fixed * groups, x[1].fixed, to_string(x));
  }
}

/// Input 1 of a Conv or ConvTranspose, which must fit kernel_shape.
Shape weight_shape(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const SymShape& w = view.input(1).shape;
  if (w.size() != x.size() || !is_fixed(w)) {
    throw_input_error("W: expected a fixed shape of {} axes like X {}, found {}", x.size(),
                      to_string(x), to_string(w));
  }
  Shape weights = at(w, 0);
  const std::vector<std::int64_t> kernel(weights.begin() + 2, weights.end());
  const auto stated = view.node.attributes.integers("kernel_shape", kernel);
  if (stated != kernel) {
    throw_input_error("attribute kernel_shape: expected {} as in W {}, found {}",
                      widepipe::to_string(kernel), to_string(w), widepipe::to_string(stated));
  }
  return weights;
}

/// Input 2, if it is there, has one element for each output channel; W and it have the type of X.
void check_bias(const NodeView& view, std::int64_t channels) {
  if (view.has(2) && view.input(2).shape != SymShape{{.fixed = channels}}) {
    throw_input_error("B: expected shape [{}], one for each output channel, found {}", channels,
                      to_string(view.input(2).shape));
  }
  for (std::size_t i = 1; i < view.node.inputs.size(); ++i) {
    if (view.has(i) && view.input(i).dtype != view.input(0).dtype) {
      throw_input_error("input {} ('{}'): expected {} like X, found {}", i, view.input(i).name,
                        name_of(view.input(0).dtype), name_of(view.input(i).dtype));
    }
  }
}

}  // namespace

ValueType infer_conv(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const Shape spatial = spatial_shape(x);
  const Shape w = weight_shape(view);
  check_groups(x, view.input(1).shape, view.node.attributes.integer("group", 1));
  check_bias(view, w[0]);
  const std::span<const std::int64_t> kernel = std::span(w).subspan(2);
  return output_of(view, {.fixed = w[0]},
                   kernels::window_outputs(view.node.attributes, spatial, kernel, false));
}

ValueType infer_conv_transpose(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const Shape spatial = spatial_shape(x);
  const Shape w = weight_shape(view);
  const std::int64_t groups = view.node.attributes.integer("group", 1);
  if (groups < 1 || w[0] % groups != 0) {
    throw_input_error("attribute group: expected a divisor of the {} input channels, found {}",
                      w[0], groups);
  }
  if (x[1].fixed != w[0]) {
    throw_input_error("W {} expects {} input channels, found {} in X {}", widepipe::to_string(w),
                      w[0], x[1].fixed, to_string(x));
  }
  check_bias(view, w[1] * groups);
  std::vector<std::int64_t> outputs;
  for (const kernels::WindowAxis& axis :
       kernels::transposed_window(view.node.attributes, spatial, std::span(w).subspan(2))) {
    outputs.push_back(axis.in);
  }
  return output_of(view, {.fixed = w[1] * groups}, outputs);
}

ValueType infer_pool(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const Shape spatial = spatial_shape(x);
  const auto kernel = view.node.attributes.integers("kernel_shape");
  if (kernel.empty()) throw_input_error("attribute kernel_shape is missing");
  const bool ceil_mode = view.node.attributes.integer("ceil_mode", 0) != 0;
  return output_of(view, x[1],
                   kernels::window_outputs(view.node.attributes, spatial, kernel, ceil_mode));
}

ValueType infer_global_pool(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  const std::size_t axes = spatial_shape(x).size();
  return output_of(view, x[1], std::vector<std::int64_t>(axes, 1));
}

}  // namespace widepipe::model
