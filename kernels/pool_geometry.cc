#include "kernels/pool_geometry.h"

#include <span>
#include <string_view>

#include "core/error.h"

namespace widepipe::kernels {

PoolGeometry pool_geometry(const KernelCase& kernel_case) {
  const Shape& x = kernel_case.inputs[0].shape;
  const Shape& y = kernel_case.outputs[0].shape;
  if (x.size() < 3 || y.size() != x.size() || y[0] != x[0] || y[1] != x[1]) {
    throw_input_error(
        "expected X and Y of one rank of at least 3 and of the same batch and "
        "channels, found {} and {}",
        to_string(x), to_string(y));
  }
  const std::span<const std::int64_t> in = std::span(x).subspan(2);
  const std::span<const std::int64_t> out = std::span(y).subspan(2);
  const std::string_view op = kernel_case.op;
  PoolGeometry geometry{.batch = x[0],
                        .channels = x[1],
                        .max = op == "MaxPool" || op == "GlobalMaxPool",
                        .count_padding = false,
                        .axes = {}};
  if (op == "GlobalAveragePool" || op == "GlobalMaxPool") {
    geometry.axes = resolve_window(Attributes{}, in, out, in);
  } else {
    const auto kernel = kernel_case.attributes->integers("kernel_shape");
    geometry.count_padding = kernel_case.attributes->integer("count_include_pad", 0) != 0;
    geometry.axes = resolve_window(*kernel_case.attributes, in, out, kernel);
  }
  return geometry;
}

}  // namespace widepipe::kernels
