#include "kernels/ref_variadic.h"

#include <algorithm>
#include <vector>

#include "kernels/broadcast_loop.h"
#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"

namespace widepipe::kernels {
namespace {

/// y = f(... f(f(x0, x1), x2) ...), divided by `divisor`.
template <typename T, typename F>
class RefVariadic final : public Kernel {
 public:
  RefVariadic(const KernelCase& kernel_case, F f, T divisor)
      : count_(element_count(kernel_case.outputs[0].shape)), f_(f), divisor_(divisor) {
    for (const TensorDesc& input : kernel_case.inputs) {
      loops_.emplace_back(kernel_case.outputs[0].shape, std::array<Shape, 1>{input.shape});
    }
  }

  void run(const KernelArgs& args) override {
    T* y = as<T>(args.outputs[0]);
    combine(0, args, [](T, T x) { return x; });
    for (std::size_t i = 1; i < loops_.size(); ++i) combine(i, args, f_);
    if (divisor_ != T{1}) {
      std::transform(y, y + count_, y, [this](T sum) { return static_cast<T>(sum / divisor_); });
    }
  }

 private:
  template <typename Combine>
  void combine(std::size_t input, const KernelArgs& args, const Combine& f) const {
    const BroadcastLoop<1>& loop = loops_[input];
    const std::int64_t step = loop.steps()[0];
    loop.for_each_run([&](std::int64_t first, const auto& offsets) {
      const T* x = as<T>(args.inputs[input]) + offsets[0];
      T* y = as<T>(args.outputs[0]) + first;
      for (std::int64_t i = 0; i < loop.length(); ++i) y[i] = f(y[i], x[i * step]);
    });
  }

  std::int64_t count_;
  F f_;
  T divisor_;
  std::vector<BroadcastLoop<1>> loops_;
};

template <typename T, typename F>
std::unique_ptr<Kernel> create_op(const KernelCase& kernel_case, F f, T divisor = 1) {
  return std::make_unique<RefVariadic<T, F>>(kernel_case, f, divisor);
}

template <typename T>
std::unique_ptr<Kernel> create_typed(const KernelCase& kernel_case) {
  // x != x: NaN.
  if (kernel_case.op == "Max") {
    return create_op<T>(kernel_case, [](T y, T x) { return x > y || x != x ? x : y; });
  }
  if (kernel_case.op == "Min") {
    return create_op<T>(kernel_case, [](T y, T x) { return x < y || x != x ? x : y; });
  }
  const auto inputs = static_cast<T>(kernel_case.inputs.size());
  return create_op<T>(
      kernel_case, [](T y, T x) { return static_cast<T>(y + x); },
      kernel_case.op == "Mean" ? inputs : T{1});
}

}  // namespace

Support ref_variadic_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  const std::size_t inputs = kernel_case.inputs.size();
  checks.arity(std::max<std::size_t>(inputs, 1), inputs).no_activation();
  const bool ordered = kernel_case.op == "Max" || kernel_case.op == "Min";
  if (ordered) {
    checks.numeric();
  } else {
    checks.floating();
  }
  for (std::size_t i = 0; checks.ok() && i < inputs; ++i) {
    checks.like_input_0(i);
    broadcast_strides(kernel_case.inputs[i].shape, kernel_case.outputs[0].shape);
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_variadic_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() { return create_typed<T>(kernel_case); });
}

}  // namespace widepipe::kernels
