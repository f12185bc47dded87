#include "kernels/ref_add.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "core/error.h"
#include "kernels/activation.h"
#include "kernels/broadcast.h"
#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"

namespace widepipe::kernels {
namespace {

/// The shape of B as the modern form of the operator would have it: up to version 6, `axis` may
/// say at which axis of A the axes of B start.
Shape aligned_shape_of_b(const KernelCase& kernel_case) {
  const Shape& a = kernel_case.inputs[0].shape;
  Shape b = kernel_case.inputs[1].shape;
  if (kernel_case.version >= 7 || !kernel_case.attributes->has("axis")) return b;
  const auto rank = static_cast<std::int64_t>(a.size());
  const std::int64_t axis =
      normalized_axis(kernel_case.attributes->integer("axis", 0), rank, rank - 1);
  const std::int64_t end = axis + static_cast<std::int64_t>(b.size());
  if (end > rank) {
    throw_input_error("B {} at axis {} does not fit into A {}", to_string(b), axis, to_string(a));
  }
  b.insert(b.end(), static_cast<std::size_t>(rank - end), 1);
  return b;
}

template <typename T>
class RefAdd final : public Kernel {
 public:
  explicit RefAdd(const KernelCase& kernel_case)
      : shape_(kernel_case.outputs[0].shape),
        count_(element_count(shape_)),
        a_strides_(broadcast_strides(kernel_case.inputs[0].shape, shape_)),
        b_strides_(broadcast_strides(aligned_shape_of_b(kernel_case), shape_)),
        bounds_(bounds_of(kernel_case.activation)) {}

  void run(const KernelArgs& args) override {
    if (count_ == 0) return;
    auto* y = as<T>(args.outputs[0]);
    const std::int64_t length = shape_.empty() ? 1 : shape_.back();
    const std::int64_t a_step = shape_.empty() ? 0 : a_strides_.back();
    const std::int64_t b_step = shape_.empty() ? 0 : b_strides_.back();
    for (std::int64_t first = 0; first < count_; first += length, y += length) {
      const T* a = as<T>(args.inputs[0]) + offset_at(first, shape_, a_strides_);
      const T* b = as<T>(args.inputs[1]) + offset_at(first, shape_, b_strides_);
      for (std::int64_t i = 0; i < length; ++i) y[i] = sum(a[i * a_step], b[i * b_step]);
    }
  }

 private:
  T sum(T a, T b) const {
    if constexpr (std::is_same_v<T, float>) return bounds_.clamp(a + b);
    if constexpr (std::is_signed_v<T> && std::is_integral_v<T>) {
      // Wraps around, as ONNX's other runtimes do; signed overflow would be undefined.
      using U = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<U>(static_cast<U>(a) + static_cast<U>(b)));
    }
    return static_cast<T>(a + b);
  }

  Shape shape_;
  std::int64_t count_;
  std::vector<std::int64_t> a_strides_;
  std::vector<std::int64_t> b_strides_;
  Bounds bounds_;
};

}  // namespace

Support ref_add_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 2).dtype_in({DType::kF32, DType::kF64, DType::kI8, DType::kI16, DType::kI32,
                               DType::kI64, DType::kU8, DType::kU16, DType::kU32, DType::kU64});
  if (checks.ok()) {
    const DType dtype = kernel_case.inputs[0].dtype;
    checks.require(kernel_case.inputs[1].dtype == dtype, "input 1: expected {}, found {}",
                   name_of(dtype), name_of(kernel_case.inputs[1].dtype));
    if (dtype != DType::kF32) checks.no_activation();
    broadcast_strides(kernel_case.inputs[0].shape, kernel_case.outputs[0].shape);
    broadcast_strides(aligned_shape_of_b(kernel_case), kernel_case.outputs[0].shape);
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_add_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() -> std::unique_ptr<Kernel> {
                            return std::make_unique<RefAdd<T>>(kernel_case);
                          });
}

}  // namespace widepipe::kernels
