#include "kernels/ref_cum_sum.h"

#include <span>

#include "core/error.h"
#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"
#include "kernels/wrapping.h"

namespace widepipe::kernels {
namespace {

std::size_t sum_axis(const KernelCase& kernel_case) {
  const auto axis = constant_integers(kernel_case, 1, "axis");
  if (axis.size() != 1) throw_input_error("axis: expected one, found {}", to_string(axis));
  const auto rank = static_cast<std::int64_t>(kernel_case.inputs[0].shape.size());
  return static_cast<std::size_t>(normalized_axis(axis[0], rank, rank - 1));
}

template <typename T>
class RefCumSum final : public Kernel {
 public:
  explicit RefCumSum(const KernelCase& kernel_case)
      : exclusive_(kernel_case.attributes->integer("exclusive", 0) != 0),
        reverse_(kernel_case.attributes->integer("reverse", 0) != 0) {
    const Shape& x = kernel_case.inputs[0].shape;
    const std::size_t axis = sum_axis(kernel_case);
    outer_ = element_count(std::span(x).first(axis));
    inner_ = element_count(std::span(x).subspan(axis + 1));
    size_ = x[axis];
  }

  void run(const KernelArgs& args) override {
    const T* x = as<T>(args.inputs[0]);
    T* y = as<T>(args.outputs[0]);
    for (std::int64_t o = 0; o < outer_; ++o, x += size_ * inner_, y += size_ * inner_) {
      for (std::int64_t step = 0; step < size_; ++step) {
        const std::int64_t at = (reverse_ ? size_ - 1 - step : step) * inner_;
        const std::int64_t before = at + (reverse_ ? inner_ : -inner_);
        const T* term = x + (exclusive_ ? before : at);
        for (std::int64_t i = 0; i < inner_; ++i) {
          if (step == 0) {
            y[at + i] = exclusive_ ? T{0} : term[i];
          } else {
            y[at + i] = wrapping_sum(y[before + i], term[i]);
          }
        }
      }
    }
  }

 private:
  bool exclusive_;
  bool reverse_;
  std::int64_t outer_;
  std::int64_t inner_;
  std::int64_t size_;
};

}  // namespace

Support ref_cum_sum_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 2).same_dtype().no_activation();
  if (!checks.ok()) return checks.plain();
  dispatch_numeric(kernel_case.inputs[0].dtype, []<typename T>() {});
  sum_axis(kernel_case);
  return checks
      .require(kernel_case.outputs[0].shape == kernel_case.inputs[0].shape,
               "output 0: expected shape {}, found {}", to_string(kernel_case.inputs[0].shape),
               to_string(kernel_case.outputs[0].shape))
      .plain();
}

std::unique_ptr<Kernel> ref_cum_sum_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() -> std::unique_ptr<Kernel> {
                            return std::make_unique<RefCumSum<T>>(kernel_case);
                          });
}

}  // namespace widepipe::kernels
