#include "kernels/conv_geometry.h"

#include <span>

#include "core/error.h"
#include "kernels/checks.h"

namespace widepipe::kernels {

namespace {

void check_ranks(const Shape& x, const Shape& w, const Shape& y) {
  if (x.size() < 3 || w.size() != x.size() || y.size() != x.size()) {
    throw_input_error("expected X, W and Y of one rank of at least 3, found {}, {} and {}",
                      to_string(x), to_string(w), to_string(y));
  }
}

void check_bias(const KernelCase& kernel_case, std::int64_t out_channels) {
  if (has_input(kernel_case, 2) && kernel_case.inputs[2].shape != Shape{out_channels}) {
    throw_input_error("B: expected shape [{}], found {}", out_channels,
                      to_string(kernel_case.inputs[2].shape));
  }
}

void check_kernel_shape(const KernelCase& kernel_case, std::span<const std::int64_t> kernel) {
  const auto stated = kernel_case.attributes->integers("kernel_shape");
  if (!stated.empty() && stated != std::vector<std::int64_t>(kernel.begin(), kernel.end())) {
    throw_input_error("attribute kernel_shape: expected {} as W has it, found {}",
                      to_string(kernel), to_string(stated));
  }
}

}  // namespace

ConvGeometry conv_geometry(const KernelCase& kernel_case) {
  const Shape& x = kernel_case.inputs[0].shape;
  const Shape& w = kernel_case.inputs[1].shape;
  const Shape& y = kernel_case.outputs[0].shape;
  check_ranks(x, w, y);
  const std::int64_t groups = kernel_case.attributes->integer("group", 1);
  if (groups < 1 || w[1] * groups != x[1] || w[0] % groups != 0 || y[0] != x[0] || y[1] != w[0]) {
    throw_input_error("X {}, W {} and Y {} do not fit with group {}", to_string(x), to_string(w),
                      to_string(y), groups);
  }
  check_bias(kernel_case, w[0]);
  const std::span<const std::int64_t> kernel(w.begin() + 2, w.end());
  check_kernel_shape(kernel_case, kernel);
  return {.batch = x[0],
          .groups = groups,
          .in_channels = x[1],
          .out_channels = w[0],
          .axes = resolve_window(*kernel_case.attributes, std::span(x).subspan(2),
                                 std::span(y).subspan(2), kernel)};
}

ConvGeometry conv_transpose_geometry(const KernelCase& kernel_case) {
  const Shape& x = kernel_case.inputs[0].shape;
  const Shape& w = kernel_case.inputs[1].shape;
  const Shape& y = kernel_case.outputs[0].shape;
  check_ranks(x, w, y);
  const std::int64_t groups = kernel_case.attributes->integer("group", 1);
  if (groups < 1 || w[0] != x[1] || x[1] % groups != 0 || y[0] != x[0] || y[1] != w[1] * groups) {
    throw_input_error("X {}, W {} and Y {} do not fit with group {}", to_string(x), to_string(w),
                      to_string(y), groups);
  }
  check_bias(kernel_case, y[1]);
  const std::span<const std::int64_t> kernel(w.begin() + 2, w.end());
  check_kernel_shape(kernel_case, kernel);
  ConvGeometry geometry{
      .batch = x[0],
      .groups = groups,
      .in_channels = x[1],
      .out_channels = y[1],
      .axes = transposed_window(*kernel_case.attributes, std::span(x).subspan(2), kernel)};
  for (std::size_t i = 0; i < geometry.axes.size(); ++i) {
    if (geometry.axes[i].in == y[i + 2]) continue;
    throw_input_error("spatial axis {}: expected {} outputs, found {}", i, geometry.axes[i].in,
                      y[i + 2]);
  }
  return geometry;
}

}  // namespace widepipe::kernels
