#include "kernels/dense_case.h"

#include <cstddef>
#include <span>

#include "core/error.h"

namespace widepipe::kernels {
namespace {

bool is_gemm(const KernelCase& kernel_case) { return kernel_case.op == "Gemm"; }

bool b_is_transposed(const KernelCase& kernel_case) {
  return is_gemm(kernel_case) && kernel_case.attributes->integer("transB", 0) != 0;
}

/// Gemm's A is a matrix of its axis 0 by the rest; MatMul's is a stack of rows.
std::int64_t depth_of(const KernelCase& kernel_case) {
  const std::span<const std::int64_t> a(kernel_case.inputs[0].shape);
  return is_gemm(kernel_case) ? element_count(a.subspan(1)) : a.back();
}

std::int64_t rows_of(const KernelCase& kernel_case) {
  const std::span<const std::int64_t> a(kernel_case.inputs[0].shape);
  return is_gemm(kernel_case) ? a.front() : element_count(a.first(a.size() - 1));
}

void check_shapes(const KernelCase& kernel_case) {
  const Shape& a = kernel_case.inputs[0].shape;
  const Shape& b = kernel_case.inputs[1].shape;
  const Shape& y = kernel_case.outputs[0].shape;
  const bool transposed = b_is_transposed(kernel_case);
  const std::int64_t columns = transposed ? b[0] : b[1];
  if ((transposed ? b[1] : b[0]) != depth_of(kernel_case) || y.empty() || y.back() != columns ||
      element_count(y) != rows_of(kernel_case) * columns) {
    throw_input_error("A {}, B {}{} and Y {} do not fit", to_string(a), to_string(b),
                      transposed ? " transposed" : "", to_string(y));
  }
}

}  // namespace

Checks check_dense(const KernelCase& kernel_case) {
  const bool gemm = is_gemm(kernel_case);
  Checks checks(kernel_case);
  checks.arity(2, gemm ? 3 : 2)
      .all_f32()
      .constant(1, "B")
      .constant(2, "C")
      .require(!gemm || kernel_case.attributes->integer("transA", 0) == 0, "A is transposed");
  if (!checks.ok()) return checks;
  const Shape& a = kernel_case.inputs[0].shape;
  const Shape& b = kernel_case.inputs[1].shape;
  checks.require(b.size() == 2, "B: expected a matrix, found shape {}", to_string(b))
      .require(a.size() >= (gemm ? 2 : 1), "A: shape {} has too few axes", to_string(a));
  if (!checks.ok()) return checks;
  check_shapes(kernel_case);
  if (has_input(kernel_case, 2)) {
    const Shape& c = kernel_case.inputs[2].shape;
    const std::int64_t columns = kernel_case.outputs[0].shape.back();
    const std::int64_t count = element_count(c);
    checks.require(count == 1 || (!c.empty() && c.back() == columns && count == columns),
                   "C {} is not one row of {} columns", to_string(c), columns);
  }
  return checks;
}

DenseCase dense_case(const KernelCase& kernel_case) {
  const bool gemm = is_gemm(kernel_case);
  DenseCase dense{.rows = rows_of(kernel_case),
                  .depth = depth_of(kernel_case),
                  .columns = kernel_case.outputs[0].shape.back(),
                  .b = kernel_case.constants[1],
                  .b_transposed = b_is_transposed(kernel_case),
                  .alpha = gemm ? kernel_case.attributes->real("alpha", 1.0F) : 1.0F,
                  .bias = {},
                  .bounds = bounds_of(kernel_case.activation)};
  dense.bias.assign(static_cast<std::size_t>(dense.columns), 0.0F);
  if (has_input(kernel_case, 2)) {
    const float beta = kernel_case.attributes->real("beta", 1.0F);
    const auto c = kernel_case.constants[2]->as<float>();
    for (std::size_t i = 0; i < dense.bias.size(); ++i) {
      dense.bias[i] = beta * c[c.size() == 1 ? 0 : i];
    }
  }
  return dense;
}

}  // namespace widepipe::kernels
