#include "kernels/ref_softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

/// The input as [outer, length, inner]; each softmax runs over `length`.
struct SoftmaxForm {
  std::int64_t outer;
  std::int64_t length;
  std::int64_t inner;
};

SoftmaxForm softmax_form(const KernelCase& kernel_case) {
  const Shape& x = kernel_case.inputs[0].shape;
  const auto rank = static_cast<std::int64_t>(x.size());
  const std::span<const std::int64_t> dims(x);
  if (kernel_case.version < 13) {
    // The old form treats the input as a matrix, cut at the axis.
    const auto axis = static_cast<std::size_t>(
        normalized_axis(kernel_case.attributes->integer("axis", 1), rank, rank));
    return {element_count(dims.first(axis)), element_count(dims.subspan(axis)), 1};
  }
  const auto axis = static_cast<std::size_t>(
      normalized_axis(kernel_case.attributes->integer("axis", -1), rank, rank - 1));
  return {element_count(dims.first(axis)), x[axis], element_count(dims.subspan(axis + 1))};
}

/// `step` elements lie between neighbours. The largest value is taken off first: exp() of a
/// large number would be infinite.
void softmax(const float* x, float* y, std::int64_t length, std::int64_t step) {
  float highest = -std::numeric_limits<float>::infinity();
  for (std::int64_t i = 0; i < length; ++i) highest = std::max(highest, x[i * step]);
  float sum = 0.0F;
  for (std::int64_t i = 0; i < length; ++i) {
    y[i * step] = std::exp(x[i * step] - highest);
    sum += y[i * step];
  }
  for (std::int64_t i = 0; i < length; ++i) y[i * step] /= sum;
}

class RefSoftmax final : public Kernel {
 public:
  explicit RefSoftmax(const KernelCase& kernel_case) : form_(softmax_form(kernel_case)) {}

  void run(const KernelArgs& args) override {
    const auto* x = as<float>(args.inputs[0]);
    auto* y = as<float>(args.outputs[0]);
    for (std::int64_t o = 0; o < form_.outer; ++o) {
      for (std::int64_t i = 0; i < form_.inner; ++i) {
        const std::int64_t first = o * form_.length * form_.inner + i;
        softmax(x + first, y + first, form_.length, form_.inner);
      }
    }
  }

 private:
  SoftmaxForm form_;
};

}  // namespace

Support ref_softmax_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).all_f32().no_activation();
  if (checks.ok()) softmax_form(kernel_case);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_softmax_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefSoftmax>(kernel_case);
}

}  // namespace widepipe::kernels
