#include "kernels/ref_fill.h"

#include <cstring>
#include <utility>

#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"

namespace widepipe::kernels {
namespace {

class RefConstantOfShape final : public Kernel {
 public:
  RefConstantOfShape(const Tensor* value, const TensorDesc& y)
      : element_(size_of(y.dtype)), count_(element_count(y.shape)) {
    // Without a value: the f32 zero.
    if (value != nullptr) std::memcpy(&value_, value->data(), element_);
  }

  void run(const KernelArgs& args) override {
    std::byte* to = args.outputs[0];
    if (value_ == 0) {
      if (count_ != 0) std::memset(to, 0, static_cast<std::size_t>(count_) * element_);
      return;
    }
    for (std::int64_t i = 0; i < count_; ++i, to += element_) std::memcpy(to, &value_, element_);
  }

 private:
  std::uint64_t value_ = 0;  ///< the element is its first bytes
  std::size_t element_;
  std::int64_t count_;
};

template <typename T>
class RefRange final : public Kernel {
 public:
  explicit RefRange(const KernelCase& kernel_case)
      : start_(kernel_case.constants[0]->as<T>()[0]),
        delta_(kernel_case.constants[2]->as<T>()[0]),
        count_(kernel_case.outputs[0].shape[0]) {}

  void run(const KernelArgs& args) override {
    T* y = as<T>(args.outputs[0]);
    for (std::int64_t i = 0; i < count_; ++i) {
      y[i] = static_cast<T>(start_ + static_cast<T>(i) * delta_);
    }
  }

 private:
  T start_;
  T delta_;
  std::int64_t count_;
};

}  // namespace

Support ref_constant_of_shape_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).no_activation();
  if (!checks.ok()) return checks.plain();
  const auto value = kernel_case.attributes->tensor("value");
  const DType dtype = value == nullptr ? DType::kF32 : value->dtype();
  return checks
      .require(value == nullptr || value->count() == 1,
               "attribute value: expected one element, found {}",
               value == nullptr ? 0 : value->count())
      .require(kernel_case.outputs[0].dtype == dtype, "output 0: expected {}, found {}",
               name_of(dtype), name_of(kernel_case.outputs[0].dtype))
      .plain();
}

std::unique_ptr<Kernel> ref_constant_of_shape_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefConstantOfShape>(kernel_case.attributes->tensor("value").get(),
                                              kernel_case.outputs[0]);
}

Support ref_range_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(3, 3).same_dtype().no_activation();
  checks.constant(0, "start").constant(2, "delta");
  if (checks.ok()) {
    dispatch_numeric(kernel_case.inputs[0].dtype, []<typename T>() {});
    for (const std::size_t i : {std::size_t{0}, std::size_t{2}}) {
      checks.require(kernel_case.constants[i]->count() == 1 &&
                         kernel_case.inputs[i].dtype == kernel_case.outputs[0].dtype,
                     "input {}: expected one {}, found {} {}", i,
                     name_of(kernel_case.outputs[0].dtype), to_string(kernel_case.inputs[i].shape),
                     name_of(kernel_case.inputs[i].dtype));
    }
    checks.require(kernel_case.outputs[0].shape.size() == 1,
                   "output 0: expected one axis, found shape {}",
                   to_string(kernel_case.outputs[0].shape));
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_range_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() -> std::unique_ptr<Kernel> {
                            return std::make_unique<RefRange<T>>(kernel_case);
                          });
}

}  // namespace widepipe::kernels
