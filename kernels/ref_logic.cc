#include "kernels/ref_logic.h"

#include <functional>

#include "kernels/broadcast_loop.h"
#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"

namespace widepipe::kernels {
namespace {

using Bool = std::uint8_t;

bool is_logical(std::string_view op) { return op == "And" || op == "Or" || op == "Xor"; }

template <typename T, typename F>
std::unique_ptr<Kernel> create_op(const KernelCase& kernel_case, F f) {
  const auto as_bool = [f](T a, T b) { return static_cast<Bool>(f(a, b) ? 1 : 0); };
  return std::make_unique<BroadcastBinary<T, T, Bool, decltype(as_bool)>>(
      kernel_case.inputs[0].shape, modern_shape_of_b(kernel_case), kernel_case.outputs[0].shape,
      as_bool);
}

template <typename T>
std::unique_ptr<Kernel> create_comparison(const KernelCase& kernel_case) {
  if (kernel_case.op == "Equal") return create_op<T>(kernel_case, std::equal_to<T>());
  if (kernel_case.op == "Greater") return create_op<T>(kernel_case, std::greater<T>());
  if (kernel_case.op == "GreaterOrEqual") return create_op<T>(kernel_case, std::greater_equal<T>());
  if (kernel_case.op == "Less") return create_op<T>(kernel_case, std::less<T>());
  return create_op<T>(kernel_case, std::less_equal<T>());
}

std::unique_ptr<Kernel> create_logical(const KernelCase& kernel_case) {
  if (kernel_case.op == "And") {
    return create_op<Bool>(kernel_case, [](Bool a, Bool b) { return a != 0 && b != 0; });
  }
  if (kernel_case.op == "Or") {
    return create_op<Bool>(kernel_case, [](Bool a, Bool b) { return a != 0 || b != 0; });
  }
  return create_op<Bool>(kernel_case, [](Bool a, Bool b) { return (a != 0) != (b != 0); });
}

}  // namespace

Support ref_logic_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 2).no_activation().like_input_0(1);
  if (!checks.ok()) return checks.plain();
  const DType dtype = kernel_case.inputs[0].dtype;
  const bool takes_bool = is_logical(kernel_case.op) || kernel_case.op == "Equal";
  checks
      .require(dtype == DType::kBool ? takes_bool : !is_logical(kernel_case.op),
               "no code for elements of type {}", name_of(dtype))
      .require(kernel_case.outputs[0].dtype == DType::kBool, "output 0: expected bool, found {}",
               name_of(kernel_case.outputs[0].dtype));
  broadcast_strides(kernel_case.inputs[0].shape, kernel_case.outputs[0].shape);
  broadcast_strides(modern_shape_of_b(kernel_case), kernel_case.outputs[0].shape);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_logic_create(const KernelCase& kernel_case, WeightStore&) {
  if (is_logical(kernel_case.op)) return create_logical(kernel_case);
  const DType dtype = kernel_case.inputs[0].dtype;
  return dispatch_numeric(dtype == DType::kBool ? DType::kU8 : dtype,
                          [&]<typename T>() { return create_comparison<T>(kernel_case); });
}

}  // namespace widepipe::kernels
