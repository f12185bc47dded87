#include "kernels/resize_geometry.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string_view>

#include "core/error.h"
#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

template <std::size_t kCount>
std::string one_of(const Attributes& attributes, const char* name, std::string_view absent,
                   const std::array<std::string_view, kCount>& known) {
  std::string text = attributes.text(name, absent);
  if (std::find(known.begin(), known.end(), text) == known.end()) {
    throw_input_error("attribute {}: expected one of {}, found {}", name, fmt::join(known, ", "),
                      text);
  }
  return text;
}

constexpr auto kModes = std::to_array<std::string_view>({"nearest", "linear", "cubic"});
constexpr auto kOldModes = std::to_array<std::string_view>({"nearest", "linear"});
constexpr auto kCoordinates = std::to_array<std::string_view>(
    {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
     "tf_half_pixel_for_nn", "tf_crop_and_resize"});
constexpr auto kRoundings =
    std::to_array<std::string_view>({"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});

/// Empty if the case has no such input, or one without elements, which says the same.
std::vector<float> reals(const KernelCase& kernel_case, std::size_t i, const char* name) {
  return has_input(kernel_case, i) ? constant_reals(kernel_case, i, name) : std::vector<float>{};
}

std::vector<float> stated_scales(const KernelCase& kernel_case) {
  if (kernel_case.op == "Upsample" && kernel_case.version < 9) {
    return kernel_case.attributes->reals("scales");
  }
  return reals(kernel_case, scales_input(kernel_case.op, kernel_case.version), "scales");
}

}  // namespace

std::size_t scales_input(std::string_view op, int version) {
  return op == "Upsample" || version < 11 ? 1 : 2;
}

std::vector<std::size_t> resized_axes(const Attributes& attributes, std::size_t rank,
                                      std::size_t count) {
  std::vector<std::int64_t> named(rank);
  std::iota(named.begin(), named.end(), 0);
  named = attributes.integers("axes", named);
  if (named.size() != count) {
    throw_input_error("expected one scale or size for each of the axes {}, found {}",
                      to_string(named), count);
  }
  std::vector<std::size_t> axes;
  const auto last = static_cast<std::int64_t>(rank);
  for (const std::int64_t axis : named) {
    axes.push_back(static_cast<std::size_t>(normalized_axis(axis, last, last - 1)));
  }
  return axes;
}

std::vector<float> by_axis(const Attributes& attributes, std::size_t rank,
                           const std::vector<float>& values, float absent) {
  const auto axes = resized_axes(attributes, rank, values.size());
  std::vector<float> result(rank, absent);
  for (std::size_t i = 0; i < axes.size(); ++i) result[axes[i]] = values[i];
  return result;
}

std::int64_t scaled_size(std::int64_t in, float scale) {
  // In floats, as the models' makers do: 10 x 0.7 is 7.
  const float size = static_cast<float>(in) * scale;
  if (!(scale > 0.0F) || !(size < 0x1p31F)) {
    throw_input_error("scales: {} of an axis of {} elements", scale, in);
  }
  return static_cast<std::int64_t>(size);
}

double ResizeGeometry::position(const ResizeAxis& axis, std::int64_t o) const {
  const auto x = static_cast<double>(o);
  const auto in = static_cast<double>(axis.in);
  // The length that the formulas speak of: of the output before it was rounded down.
  const double out =
      axis.scale ? in * static_cast<double>(*axis.scale) : static_cast<double>(axis.out);
  // Without a stated scale the division is by whole numbers, so that what is whole stays whole.
  const auto unscaled = [&](double at) {
    return axis.scale ? at / static_cast<double>(*axis.scale) : at * in / out;
  };
  if (coordinates == "asymmetric") return unscaled(x);
  if (coordinates == "tf_half_pixel_for_nn") return unscaled(x + 0.5);
  if (coordinates == "align_corners") return out == 1.0 ? 0.0 : x * (in - 1.0) / (out - 1.0);
  if (coordinates == "tf_crop_and_resize") {
    const double share = static_cast<double>(axis.roi_end) - static_cast<double>(axis.roi_begin);
    const double from = static_cast<double>(axis.roi_begin) * (in - 1.0);
    return from + (out == 1.0 ? share * (in - 1.0) / 2.0 : x * share * (in - 1.0) / (out - 1.0));
  }
  if (coordinates == "pytorch_half_pixel" && out == 1.0) return -0.5;
  if (coordinates == "half_pixel_symmetric") {
    const double adjustment = static_cast<double>(axis.out) / out;
    return in / 2.0 * (1.0 - adjustment) + unscaled(x + 0.5) - 0.5;
  }
  return unscaled(x + 0.5) - 0.5;
}

bool ResizeGeometry::extrapolates(const ResizeAxis& axis, double position) const {
  return coordinates == "tf_crop_and_resize" &&
         (position < 0.0 || position > static_cast<double>(axis.in - 1));
}

bool ResizeGeometry::keeps(const ResizeAxis& axis) const {
  return axis.in == axis.out && axis.scale.value_or(1.0F) == 1.0F &&
         (coordinates != "tf_crop_and_resize" || (axis.roi_begin == 0.0F && axis.roi_end == 1.0F));
}

std::int64_t ResizeGeometry::nearest(double position) const {
  const double below = std::floor(position);
  const double part = position - below;
  const bool up =
      part != 0.0 && ((rounding == "round_prefer_floor" && part > 0.5) ||
                      (rounding == "round_prefer_ceil" && part >= 0.5) || rounding == "ceil");
  return static_cast<std::int64_t>(below) + (up ? 1 : 0);
}

ResizeGeometry resize_attributes(std::string_view op, int version, const Attributes& attributes) {
  ResizeGeometry geometry{.mode = "",
                          .coordinates = "asymmetric",
                          .rounding = "floor",
                          .cubic_a = attributes.real("cubic_coeff_a", -0.75F),
                          .exclude_outside = attributes.integer("exclude_outside", 0) != 0,
                          .extrapolation = attributes.real("extrapolation_value", 0.0F),
                          .axes = {}};
  if (op == "Upsample" || version < 11) {
    geometry.mode = one_of(attributes, "mode", "nearest", kOldModes);
    return geometry;
  }
  geometry.mode = one_of(attributes, "mode", "nearest", kModes);
  geometry.coordinates =
      one_of(attributes, "coordinate_transformation_mode", "half_pixel", kCoordinates);
  geometry.rounding = one_of(attributes, "nearest_mode", "round_prefer_floor", kRoundings);
  if (attributes.integer("antialias", 0) != 0) {
    throw_input_error("attribute antialias: expected 0, found 1");
  }
  const std::string policy = attributes.text("keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch") {
    throw_input_error("attribute keep_aspect_ratio_policy: expected stretch, found {}", policy);
  }
  return geometry;
}

ResizeGeometry resize_geometry(const KernelCase& kernel_case) {
  const Attributes& attributes = *kernel_case.attributes;
  const Shape& x = kernel_case.inputs[0].shape;
  const Shape& y = kernel_case.outputs[0].shape;
  if (y.size() != x.size()) {
    throw_input_error("expected X and Y of one rank, found {} and {}", to_string(x), to_string(y));
  }
  ResizeGeometry geometry = resize_attributes(kernel_case.op, kernel_case.version, attributes);
  std::vector<float> scales = stated_scales(kernel_case);
  if (!scales.empty()) scales = by_axis(attributes, x.size(), scales, 1.0F);
  for (std::size_t i = 0; i < x.size(); ++i) {
    geometry.axes.push_back({.in = x[i], .out = y[i], .scale = std::nullopt});
    if (!scales.empty()) geometry.axes[i].scale = scales[i];
    const bool fits =
        scales.empty() ? (x[i] > 0 || y[i] == 0) : scaled_size(x[i], scales[i]) == y[i];
    if (!fits) {
      throw_input_error("axis {}: {} elements do not become {}", i, x[i], y[i]);
    }
  }
  if (geometry.coordinates != "tf_crop_and_resize") return geometry;
  const std::vector<float> roi = reals(kernel_case, 1, "roi");
  if (roi.size() % 2 != 0)
    throw_input_error("roi: expected begins and ends, found {} values", roi.size());
  const std::vector<float> begins(roi.begin(),
                                  roi.begin() + static_cast<std::ptrdiff_t>(roi.size() / 2));
  const std::vector<float> ends(roi.begin() + static_cast<std::ptrdiff_t>(roi.size() / 2),
                                roi.end());
  const auto all_begins = by_axis(attributes, x.size(), begins, 0.0F);
  const auto all_ends = by_axis(attributes, x.size(), ends, 1.0F);
  for (std::size_t i = 0; i < x.size(); ++i) {
    geometry.axes[i].roi_begin = all_begins[i];
    geometry.axes[i].roi_end = all_ends[i];
  }
  return geometry;
}

}  // namespace widepipe::kernels
