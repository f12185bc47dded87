#include "kernels/ref_pow.h"

#include <cmath>
#include <type_traits>

#include "kernels/broadcast_loop.h"
#include "kernels/checks.h"
#include "kernels/convert.h"
#include "kernels/dtype_dispatch.h"

namespace widepipe::kernels {
namespace {

template <typename T, typename E>
T integer_power(T base, E exponent) {
  if (exponent < 0) {
    if (base == -1) return exponent % 2 == 0 ? 1 : -1;
    return base == 1 ? 1 : 0;
  }
  auto square = static_cast<std::uint64_t>(base);
  std::uint64_t result = 1;
  for (auto rest = static_cast<std::uint64_t>(exponent); rest != 0; rest >>= 1) {
    if ((rest & 1) != 0) result *= square;
    square *= square;
  }
  return static_cast<T>(result);
}

template <typename T, typename E>
T power(T base, E exponent) {
  if constexpr (std::is_floating_point_v<T>) {
    if (exponent == 2) return base * base;  // what most models ask for
    return static_cast<T>(std::pow(base, exponent));
  } else if constexpr (std::is_floating_point_v<E>) {
    return convert<T>(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  } else {
    return integer_power(base, exponent);
  }
}

template <typename T>
std::unique_ptr<Kernel> create_typed(const KernelCase& kernel_case) {
  return dispatch_numeric(kernel_case.inputs[1].dtype,
                          [&]<typename E>() -> std::unique_ptr<Kernel> {
                            const auto f = [](T base, E exponent) { return power(base, exponent); };
                            return std::make_unique<BroadcastBinary<T, E, T, decltype(f)>>(
                                kernel_case.inputs[0].shape, modern_shape_of_b(kernel_case),
                                kernel_case.outputs[0].shape, f);
                          });
}

}  // namespace

Support ref_pow_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 2).no_activation().dtype_in({DType::kF32, DType::kF64, DType::kI32, DType::kI64});
  if (!checks.ok()) return checks.plain();
  checks.require(kernel_case.inputs[1].dtype != DType::kBool, "input 1: no power of type {}",
                 name_of(kernel_case.inputs[1].dtype));
  broadcast_strides(kernel_case.inputs[0].shape, kernel_case.outputs[0].shape);
  broadcast_strides(modern_shape_of_b(kernel_case), kernel_case.outputs[0].shape);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_pow_create(const KernelCase& kernel_case, WeightStore&) {
  switch (kernel_case.inputs[0].dtype) {
    case DType::kF32:
      return create_typed<float>(kernel_case);
    case DType::kF64:
      return create_typed<double>(kernel_case);
    case DType::kI32:
      return create_typed<std::int32_t>(kernel_case);
    default:
      return create_typed<std::int64_t>(kernel_case);
  }
}

}  // namespace widepipe::kernels
