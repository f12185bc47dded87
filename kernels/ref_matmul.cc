#include "kernels/ref_matmul.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "kernels/activation.h"
#include "kernels/broadcast.h"
#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

/// A stack of products of [m, k] by [k, n]; the strides say which matrix of A and of B each
/// product of the stack takes.
struct MatMulForm {
  std::int64_t m, k, n;
  Shape stack;
  std::vector<std::int64_t> a_strides;
  std::vector<std::int64_t> b_strides;
};

MatMulForm matmul_form(const KernelCase& kernel_case) {
  Shape a = kernel_case.inputs[0].shape;
  Shape b = kernel_case.inputs[1].shape;
  Shape y = kernel_case.outputs[0].shape;
  if (a.empty() || b.empty()) {
    throw_input_error("A {} or B {} is a scalar", to_string(a), to_string(b));
  }
  // A vector is a matrix of one row (A) or one column (B) whose axis Y does not show.
  if (b.size() == 1) {
    b.push_back(1);
    y.push_back(1);
  }
  if (a.size() == 1) {
    a.insert(a.begin(), 1);
    y.insert(y.end() - 1, 1);
  }
  MatMulForm form{.m = a[a.size() - 2],
                  .k = a.back(),
                  .n = b.back(),
                  .stack = {},
                  .a_strides = {},
                  .b_strides = {}};
  if (b[b.size() - 2] != form.k || y.size() != std::max(a.size(), b.size()) ||
      y[y.size() - 2] != form.m || y.back() != form.n) {
    throw_input_error("A {}, B {} and Y {} do not fit", to_string(kernel_case.inputs[0].shape),
                      to_string(kernel_case.inputs[1].shape),
                      to_string(kernel_case.outputs[0].shape));
  }
  form.stack.assign(y.begin(), y.end() - 2);
  form.a_strides = broadcast_strides(std::span(a).first(a.size() - 2), form.stack);
  form.b_strides = broadcast_strides(std::span(b).first(b.size() - 2), form.stack);
  return form;
}

class RefMatMul final : public Kernel {
 public:
  explicit RefMatMul(const KernelCase& kernel_case)
      : form_(matmul_form(kernel_case)),
        products_(element_count(form_.stack)),
        bounds_(bounds_of(kernel_case.activation)) {}

  void run(const KernelArgs& args) override {
    auto* y = as<float>(args.outputs[0]);
    for (std::int64_t i = 0; i < products_; ++i, y += form_.m * form_.n) {
      multiply(as<float>(args.inputs[0]) +
                   offset_at(i, form_.stack, form_.a_strides) * form_.m * form_.k,
               as<float>(args.inputs[1]) +
                   offset_at(i, form_.stack, form_.b_strides) * form_.k * form_.n,
               y);
    }
  }

 private:
  void multiply(const float* a, const float* b, float* y) const {
    for (std::int64_t row = 0; row < form_.m; ++row, a += form_.k, y += form_.n) {
      std::fill_n(y, form_.n, 0.0F);
      for (std::int64_t k = 0; k < form_.k; ++k) {
        const float* b_row = b + k * form_.n;
        for (std::int64_t col = 0; col < form_.n; ++col) y[col] += a[k] * b_row[col];
      }
      std::transform(y, y + form_.n, y, [this](float v) { return bounds_.clamp(v); });
    }
  }

  MatMulForm form_;
  std::int64_t products_;
  Bounds bounds_;
};

}  // namespace

Support ref_matmul_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 2).all_f32();
  if (checks.ok()) matmul_form(kernel_case);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_matmul_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefMatMul>(kernel_case);
}

}  // namespace widepipe::kernels
