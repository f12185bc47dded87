#pragma once
// Where the elements of a Resize or Upsample lie in its input.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/attributes.h"
#include "kernels/kernel.h"

namespace widepipe::kernels {

/// The input that holds the scales: a Resize has the region of interest before it since version 11.
std::size_t scales_input(std::string_view op, int version);

/// The axes that `count` scales or sizes are for: those that the attribute `axes` names (version
/// 18), else all. Throws InputError if there are not as many.
std::vector<std::size_t> resized_axes(const Attributes& attributes, std::size_t rank,
                                      std::size_t count);

/// `values`, one for each of the resized axes, with `absent` for the others.
std::vector<float> by_axis(const Attributes& attributes, std::size_t rank,
                           const std::vector<float>& values, float absent);

/// The size of an axis of `in` elements that is scaled. Throws InputError unless scale > 0.
std::int64_t scaled_size(std::int64_t in, float scale);

struct ResizeAxis {
  std::int64_t in;
  std::int64_t out;
  std::optional<float> scale;  ///< as stated; out / in if not
  float roi_begin = 0.0F;      ///< of tf_crop_and_resize, as a share of the axis
  float roi_end = 1.0F;
};

struct ResizeGeometry {
  std::string mode;         ///< nearest, linear or cubic
  std::string coordinates;  ///< coordinate_transformation_mode
  std::string rounding;     ///< nearest_mode
  float cubic_a;
  bool exclude_outside;
  float extrapolation;  ///< what an element outside a cropped input is
  std::vector<ResizeAxis> axes;

  /// Where on the input's axis an element of the output lies: a whole number is the middle of an
  /// element. It may be outside.
  double position(const ResizeAxis& axis, std::int64_t o) const;
  /// Elements at such a position get `extrapolation`.
  bool extrapolates(const ResizeAxis& axis, double position) const;
  /// The axis is as it was.
  bool keeps(const ResizeAxis& axis) const;
  /// The element nearest to a position; it may be outside the axis.
  std::int64_t nearest(double position) const;
};

/// The attributes, without `axes`. Throws InputError naming an attribute that we do not support.
ResizeGeometry resize_attributes(std::string_view op, int version, const Attributes& attributes);

/// Throws InputError, naming the attribute or input, if the parts of the case disagree.
ResizeGeometry resize_geometry(const KernelCase& kernel_case);

}  // namespace widepipe::kernels
