#include "kernels/ref_gemm.h"

#include "core/error.h"
#include "kernels/activation.h"
#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

/// alpha * A' * B' + beta * C as strides, so that no transposition needs code of its own.
struct GemmForm {
  std::int64_t m, k, n;
  std::int64_t a_row, a_col;
  std::int64_t b_row, b_col;
  std::int64_t c_row = 0, c_col = 0;  ///< 0 where C is broadcast
  float alpha, beta;
};

GemmForm gemm_form(const KernelCase& kernel_case) {
  const Shape& a = kernel_case.inputs[0].shape;
  const Shape& b = kernel_case.inputs[1].shape;
  const bool trans_a = kernel_case.attributes->integer("transA", 0) != 0;
  const bool trans_b = kernel_case.attributes->integer("transB", 0) != 0;
  if (a.size() < 2 || (a.size() > 2 && trans_a) || b.size() != 2) {
    throw_input_error("A {} (transA {}) times B {} is not a product of matrices", to_string(a),
                      trans_a ? 1 : 0, to_string(b));
  }
  const std::int64_t rows = a[0];
  const std::int64_t columns = element_count(std::span(a).subspan(1));
  GemmForm form{.m = trans_a ? columns : rows,
                .k = trans_a ? rows : columns,
                .n = trans_b ? b[0] : b[1],
                .a_row = trans_a ? 1 : columns,
                .a_col = trans_a ? columns : 1,
                .b_row = trans_b ? 1 : b[1],
                .b_col = trans_b ? b[1] : 1,
                .alpha = kernel_case.attributes->real("alpha", 1.0F),
                .beta = kernel_case.attributes->real("beta", 1.0F)};
  if ((trans_b ? b[1] : b[0]) != form.k || kernel_case.outputs[0].shape != Shape{form.m, form.n}) {
    throw_input_error("A {} (transA {}), B {} (transB {}) and Y {} do not fit", to_string(a),
                      trans_a ? 1 : 0, to_string(b), trans_b ? 1 : 0,
                      to_string(kernel_case.outputs[0].shape));
  }
  if (!has_input(kernel_case, 2)) return form;
  const Shape& c = kernel_case.inputs[2].shape;
  const std::int64_t c_columns = c.empty() ? 1 : c.back();
  const std::int64_t c_rows = c.size() == 2 ? c[0] : 1;
  if (c.size() > 2 || (c_columns != 1 && c_columns != form.n) ||
      (c_rows != 1 && c_rows != form.m)) {
    throw_input_error("C {} cannot be broadcast to [{}, {}]", to_string(c), form.m, form.n);
  }
  form.c_row = c_rows == 1 ? 0 : c_columns;
  form.c_col = c_columns == 1 ? 0 : 1;
  return form;
}

class RefGemm final : public Kernel {
 public:
  explicit RefGemm(const KernelCase& kernel_case)
      : form_(gemm_form(kernel_case)), bounds_(bounds_of(kernel_case.activation)) {}

  void run(const KernelArgs& args) override {
    const auto* a = as<float>(args.inputs[0]);
    const auto* b = as<float>(args.inputs[1]);
    const auto* c = args.inputs.size() > 2 ? as<float>(args.inputs[2]) : nullptr;
    auto* y = as<float>(args.outputs[0]);
    for (std::int64_t row = 0; row < form_.m; ++row) {
      for (std::int64_t col = 0; col < form_.n; ++col) {
        float sum = 0.0F;
        for (std::int64_t k = 0; k < form_.k; ++k) {
          sum += a[row * form_.a_row + k * form_.a_col] * b[k * form_.b_row + col * form_.b_col];
        }
        const float bias = c == nullptr ? 0.0F : c[row * form_.c_row + col * form_.c_col];
        *y++ = bounds_.clamp(form_.alpha * sum + form_.beta * bias);
      }
    }
  }

 private:
  GemmForm form_;
  Bounds bounds_;
};

}  // namespace

Support ref_gemm_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 3).all_f32();
  if (checks.ok()) gemm_form(kernel_case);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_gemm_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefGemm>(kernel_case);
}

}  // namespace widepipe::kernels
