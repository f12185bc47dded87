#include "kernels/ref_cast.h"

#include <algorithm>

#include "kernels/checks.h"
#include "kernels/convert.h"
#include "kernels/dtype_dispatch.h"

namespace widepipe::kernels {
namespace {

using Bool = std::uint8_t;

/// y[i] = f(x[i]).
template <typename From, typename To, typename F>
class RefCast final : public Kernel {
 public:
  RefCast(std::int64_t count, F f) : count_(count), f_(f) {}

  void run(const KernelArgs& args) override {
    const From* x = as<From>(args.inputs[0]);
    std::transform(x, x + count_, as<To>(args.outputs[0]), f_);
  }

 private:
  std::int64_t count_;
  F f_;
};

template <typename From, typename To, typename F>
std::unique_ptr<Kernel> create_with(std::int64_t count, F f) {
  return std::make_unique<RefCast<From, To, F>>(count, f);
}

DType stored_as(DType dtype) { return dtype == DType::kBool ? DType::kU8 : dtype; }

}  // namespace

Support ref_cast_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  const std::size_t inputs = kernel_case.op == "CastLike" ? 2 : 1;
  return checks.arity(inputs, inputs).no_activation().plain();
}

std::unique_ptr<Kernel> ref_cast_create(const KernelCase& kernel_case, WeightStore&) {
  const std::int64_t count = element_count(kernel_case.inputs[0].shape);
  const DType from = stored_as(kernel_case.inputs[0].dtype);
  const DType to = kernel_case.outputs[0].dtype;
  return dispatch_numeric(from, [&]<typename From>() {
    if (to == DType::kBool) {
      return create_with<From, Bool>(
          count, [](From value) { return static_cast<Bool>(value != From{0} ? 1 : 0); });
    }
    return dispatch_numeric(
        to, [&]<typename To>() { return create_with<From, To>(count, convert<To, From>); });
  });
}

}  // namespace widepipe::kernels
