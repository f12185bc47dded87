#include "kernels/conv_geometry.h"

#include <span>

#include "core/error.h"
#include "kernels/checks.h"

namespace widepipe::kernels {

ConvGeometry conv_geometry(const KernelCase& kernel_case) {
  const Shape& x = kernel_case.inputs[0].shape;
  const Shape& w = kernel_case.inputs[1].shape;
  const Shape& y = kernel_case.outputs[0].shape;
  if (x.size() < 3 || w.size() != x.size() || y.size() != x.size()) {
    throw_input_error("expected X, W and Y of one rank of at least 3, found {}, {} and {}",
                      to_string(x), to_string(w), to_string(y));
  }
  const std::int64_t groups = kernel_case.attributes->integer("group", 1);
  if (groups < 1 || w[1] * groups != x[1] || w[0] % groups != 0 || y[0] != x[0] || y[1] != w[0]) {
    throw_input_error("X {}, W {} and Y {} do not fit with group {}", to_string(x), to_string(w),
                      to_string(y), groups);
  }
  if (has_input(kernel_case, 2) && kernel_case.inputs[2].shape != Shape{w[0]}) {
    throw_input_error("B: expected shape [{}], found {}", w[0],
                      to_string(kernel_case.inputs[2].shape));
  }
  const std::span<const std::int64_t> kernel(w.begin() + 2, w.end());
  const auto stated = kernel_case.attributes->integers("kernel_shape");
  if (!stated.empty() && stated != std::vector<std::int64_t>(kernel.begin(), kernel.end())) {
    throw_input_error("attribute kernel_shape: expected {} as W has it, found {}",
                      to_string(kernel), to_string(stated));
  }
  return {.batch = x[0],
          .groups = groups,
          .in_channels = x[1],
          .out_channels = w[0],
          .axes = resolve_window(*kernel_case.attributes, std::span(x).subspan(2),
                                 std::span(y).subspan(2), kernel)};
}

}  // namespace widepipe::kernels
