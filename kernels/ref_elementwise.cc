#include "kernels/ref_elementwise.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "core/error.h"
#include "kernels/activation.h"
#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"

namespace widepipe::kernels {
namespace {

template <typename T>
T relu(T value) {
  return value < T{0} ? T{0} : value;
}

template <typename T>
class RefRelu final : public Kernel {
 public:
  explicit RefRelu(std::int64_t count) : count_(count) {}

  void run(const KernelArgs& args) override {
    const T* x = as<T>(args.inputs[0]);
    std::transform(x, x + count_, as<T>(args.outputs[0]), relu<T>);
  }

 private:
  std::int64_t count_;
};

template <typename T>
class RefClip final : public Kernel {
 public:
  explicit RefClip(const KernelCase& kernel_case)
      : count_(element_count(kernel_case.inputs[0].shape)) {
    if constexpr (std::is_same_v<T, float>) {
      if (kernel_case.version < 11) {
        lo_ = kernel_case.attributes->real("min", lo_);
        hi_ = kernel_case.attributes->real("max", hi_);
      }
    }
  }

  void run(const KernelArgs& args) override {
    const T lo = limit(args, 1, lo_);
    const T hi = limit(args, 2, hi_);
    const T* x = as<T>(args.inputs[0]);
    std::transform(x, x + count_, as<T>(args.outputs[0]), [lo, hi](T value) {
      const T raised = value < lo ? lo : value;
      return raised > hi ? hi : raised;
    });
  }

 private:
  static T limit(const KernelArgs& args, std::size_t i, T absent) {
    return i < args.inputs.size() && args.inputs[i] != nullptr ? *as<T>(args.inputs[i]) : absent;
  }

  std::int64_t count_;
  T lo_ = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                               : std::numeric_limits<T>::lowest();
  T hi_ = std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity()
                                               : std::numeric_limits<T>::max();
};

Checks& check_numeric(Checks& checks) { return checks.no_activation().numeric(); }

}  // namespace

Support ref_relu_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  return check_numeric(checks.arity(1, 1)).plain();
}

std::unique_ptr<Kernel> ref_relu_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(
      kernel_case.inputs[0].dtype, [&]<typename T>() -> std::unique_ptr<Kernel> {
        return std::make_unique<RefRelu<T>>(element_count(kernel_case.inputs[0].shape));
      });
}

Support ref_clip_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  check_numeric(checks.arity(1, kernel_case.version < 11 ? 1 : 3));
  if (!checks.ok()) return checks.plain();
  const DType dtype = kernel_case.inputs[0].dtype;
  checks.require(kernel_case.version >= 11 || dtype == DType::kF32,
                 "Clip of version {}: expected f32, found {}", kernel_case.version, name_of(dtype));
  for (std::size_t i = 1; i < kernel_case.inputs.size(); ++i) {
    if (!has_input(kernel_case, i)) continue;
    const TensorDesc& limit = kernel_case.inputs[i];
    checks.require(limit.dtype == dtype && element_count(limit.shape) == 1,
                   "input {}: expected one element of type {}, found {}{}", i, name_of(dtype),
                   name_of(limit.dtype), to_string(limit.shape));
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_clip_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() -> std::unique_ptr<Kernel> {
                            return std::make_unique<RefClip<T>>(kernel_case);
                          });
}

}  // namespace widepipe::kernels
