#include "kernels/ref_binary.h"

#include <cmath>
#include <type_traits>

#include "kernels/activation.h"
#include "kernels/broadcast_loop.h"
#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"
#include "kernels/wrapping.h"

namespace widepipe::kernels {
namespace {

struct AddOp {
  template <typename T>
  static T of(T a, T b) {
    return wrapping_sum(a, b);
  }
};

struct SubOp {
  template <typename T>
  static T of(T a, T b) {
    return wrapping_difference(a, b);
  }
};

struct MulOp {
  template <typename T>
  static T of(T a, T b) {
    return wrapping_product(a, b);
  }
};

struct DivOp {
  template <typename T>
  static T of(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      if (b == 0) return 0;
      // The lowest number has no positive counterpart.
      if (std::is_signed_v<T> && b == static_cast<T>(-1)) return SubOp::of(T{0}, a);
    }
    return static_cast<T>(a / b);
  }
};

/// The remainder has the sign of `a`.
struct FmodOp {
  template <typename T>
  static T of(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fmod(a, b);
    } else {
      if (b == 0 || (std::is_signed_v<T> && b == static_cast<T>(-1))) return 0;
      return static_cast<T>(a % b);
    }
  }
};

/// The remainder has the sign of `b`.
struct ModOp {
  template <typename T>
  static T of(T a, T b) {
    const T rest = FmodOp::of(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? static_cast<T>(rest + b) : rest;
  }
};

struct PReluOp {
  template <typename T>
  static T of(T x, T slope) {
    return x < 0 ? MulOp::of(x, slope) : x;
  }
};

/// Up to version 6, a slope for each channel is on axis 1.
Shape shape_of_slope(const KernelCase& kernel_case) {
  Shape slope = kernel_case.inputs[1].shape;
  const std::size_t rank = kernel_case.inputs[0].shape.size();
  if (kernel_case.version < 7 && slope.size() == 1 && slope[0] != 1 && rank > 2) {
    slope.resize(rank - 1, 1);
  }
  return slope;
}

Shape shape_of_b(const KernelCase& kernel_case) {
  return kernel_case.op == "PRelu" ? shape_of_slope(kernel_case) : modern_shape_of_b(kernel_case);
}

template <typename T, typename Op>
std::unique_ptr<Kernel> create_op(const KernelCase& kernel_case) {
  const auto made = [&](auto f) {
    return std::make_unique<BroadcastBinary<T, T, T, decltype(f)>>(
        kernel_case.inputs[0].shape, shape_of_b(kernel_case), kernel_case.outputs[0].shape, f);
  };
  if constexpr (std::is_same_v<T, float>) {
    const Bounds bounds = bounds_of(kernel_case.activation);
    return made([bounds](T a, T b) { return bounds.clamp(Op::of(a, b)); });
  }
  return made([](T a, T b) { return Op::of(a, b); });
}

template <typename T>
std::unique_ptr<Kernel> create_typed(const KernelCase& kernel_case) {
  if (kernel_case.op == "Add") return create_op<T, AddOp>(kernel_case);
  if (kernel_case.op == "Sub") return create_op<T, SubOp>(kernel_case);
  if (kernel_case.op == "Mul") return create_op<T, MulOp>(kernel_case);
  if (kernel_case.op == "Div") return create_op<T, DivOp>(kernel_case);
  if (kernel_case.op == "PRelu") return create_op<T, PReluOp>(kernel_case);
  const bool fmod = kernel_case.attributes->integer("fmod", 0) != 0;
  return fmod ? create_op<T, FmodOp>(kernel_case) : create_op<T, ModOp>(kernel_case);
}

}  // namespace

Support ref_binary_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 2).numeric().like_input_0(1);
  if (!checks.ok()) return checks.plain();
  const DType dtype = kernel_case.inputs[0].dtype;
  if (dtype != DType::kF32) checks.no_activation();
  if (kernel_case.op == "Mod" && kernel_case.attributes->integer("fmod", 0) == 0) {
    checks.require(dtype != DType::kF32 && dtype != DType::kF64,
                   "attribute fmod: expected 1 for elements of type {}, found 0", name_of(dtype));
  }
  broadcast_strides(kernel_case.inputs[0].shape, kernel_case.outputs[0].shape);
  broadcast_strides(shape_of_b(kernel_case), kernel_case.outputs[0].shape);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_binary_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() { return create_typed<T>(kernel_case); });
}

}  // namespace widepipe::kernels
