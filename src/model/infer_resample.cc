#include "model/infer_resample.h"

#include <utility>
#include <vector>

#include "core/error.h"
#include "kernels/resize_geometry.h"
#include "model/known_values.h"
#include "model/row_axes.h"

namespace widepipe::model {
namespace {

/// Input `i` is there and has elements: an empty one says what a missing one says.
bool is_given(const NodeView& view, std::size_t i) {
  return view.has(i) && view.input(i).shape != SymShape{{.fixed = 0}};
}

std::vector<float> constant_reals(const NodeView& view, std::size_t i, const char* what) {
  const Value& value = view.input(i);
  if (value.dtype != DType::kF32 || value.constant == nullptr) {
    throw_input_error("input {} ({}): expected constant f32, '{}' ({}) {}", i, what, value.name,
                      name_of(value.dtype),
                      value.constant == nullptr ? "depends on the inputs" : "is not");
  }
  const auto elements = value.constant->as<float>();
  return {elements.begin(), elements.end()};
}

SymShape scaled(const NodeView& view, const std::vector<float>& stated) {
  const SymShape& x = view.input(0).shape;
  const auto scales = kernels::by_axis(view.node.attributes, x.size(), stated, 1.0F);
  SymShape y = x;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (scales[i] == 1.0F) continue;
    require_no_rows("resize", x, i);
    y[i].fixed = kernels::scaled_size(x[i].fixed, scales[i]);
  }
  return y;
}

SymShape sized(const NodeView& view, const std::vector<Dim>& stated) {
  const SymShape& x = view.input(0).shape;
  const auto axes = kernels::resized_axes(view.node.attributes, x.size(), stated.size());
  SymShape y = x;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = axes[i];
    if (stated[i] == x[axis]) continue;
    require_no_rows("resize", x, axis);
    if (!stated[i].is_fixed() || stated[i].fixed < 1) {
      throw_input_error("input 3 (sizes): axis {} cannot be resized to {}", axis,
                        to_string(stated[i]));
    }
    y[axis] = stated[i];
  }
  return y;
}

/// Input 0 of DepthToSpace or SpaceToDepth, whose rows are on axis 0 if anywhere.
Shape image_shape(const NodeView& view) {
  const SymShape& x = view.input(0).shape;
  if (x.size() != 4) throw_input_error("X: expected 4 axes, found {}", to_string(x));
  for (std::size_t i = 1; i < x.size(); ++i) require_no_rows("block move", x, i);
  return at(x, 0);
}

std::int64_t block_size(const NodeView& view) {
  const std::int64_t block = view.node.attributes.integer("blocksize", 0);
  if (block < 1 || block >= (std::int64_t{1} << 15)) {
    throw_input_error("attribute blocksize: expected at least 1, found {}", block);
  }
  return block;
}

}  // namespace

ValueType infer_depth_to_space(const NodeView& view) {
  const Shape x = image_shape(view);
  const std::int64_t block = block_size(view);
  if (x[1] % (block * block) != 0) {
    throw_input_error("X {}: the channels are not a multiple of {} x {}",
                      to_string(view.input(0).shape), block, block);
  }
  return {view.input(0).dtype,
          {view.input(0).shape[0],
           {.fixed = x[1] / (block * block)},
           {.fixed = x[2] * block},
           {.fixed = x[3] * block}}};
}

ValueType infer_space_to_depth(const NodeView& view) {
  const Shape x = image_shape(view);
  const std::int64_t block = block_size(view);
  if (x[2] % block != 0 || x[3] % block != 0) {
    throw_input_error("X {}: height and width are not multiples of {}",
                      to_string(view.input(0).shape), block);
  }
  return {view.input(0).dtype,
          {view.input(0).shape[0],
           {.fixed = x[1] * block * block},
           {.fixed = x[2] / block},
           {.fixed = x[3] / block}}};
}

ValueType infer_resize(const NodeView& view) {
  const Node& node = view.node;
  const auto geometry = kernels::resize_attributes(node.op, node.version, node.attributes);
  const SymShape& x = view.input(0).shape;
  if (geometry.coordinates == "tf_crop_and_resize") {
    if (!is_given(view, 1)) throw_input_error("input 1 (roi) is missing");
    const auto roi = constant_reals(view, 1, "roi");
    const auto axes = kernels::resized_axes(node.attributes, x.size(), roi.size() / 2);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (roi[i] != 0.0F || roi[axes.size() + i] != 1.0F) require_no_rows("crop", x, axes[i]);
    }
  }
  if (node.op == "Upsample" && node.version < 9) {
    return {view.input(0).dtype, scaled(view, node.attributes.reals("scales"))};
  }
  const std::size_t scales = kernels::scales_input(node.op, node.version);
  if (is_given(view, scales)) {
    return {view.input(0).dtype, scaled(view, constant_reals(view, scales, "scales"))};
  }
  if (!is_given(view, 3)) throw_input_error("expected scales or sizes, found neither");
  return {view.input(0).dtype, sized(view, required_dims(view, 3, "sizes"))};
}

}  // namespace widepipe::model
