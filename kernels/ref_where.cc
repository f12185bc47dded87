#include "kernels/ref_where.h"

#include "kernels/broadcast_loop.h"
#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

/// T: an integer of the size of an element.
template <typename T>
class RefWhere final : public Kernel {
 public:
  explicit RefWhere(const KernelCase& kernel_case)
      : loop_(kernel_case.outputs[0].shape,
              {kernel_case.inputs[0].shape, kernel_case.inputs[1].shape,
               kernel_case.inputs[2].shape}) {}

  void run(const KernelArgs& args) override {
    const auto& steps = loop_.steps();
    loop_.for_each_run([&](std::int64_t first, const auto& offsets) {
      const auto* condition = as<std::uint8_t>(args.inputs[0]) + offsets[0];
      const T* a = as<T>(args.inputs[1]) + offsets[1];
      const T* b = as<T>(args.inputs[2]) + offsets[2];
      T* y = as<T>(args.outputs[0]) + first;
      for (std::int64_t i = 0; i < loop_.length(); ++i) {
        y[i] = condition[i * steps[0]] != 0 ? a[i * steps[1]] : b[i * steps[2]];
      }
    });
  }

 private:
  BroadcastLoop<3> loop_;
};

}  // namespace

Support ref_where_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(3, 3).no_activation();
  if (!checks.ok()) return checks.plain();
  const DType dtype = kernel_case.inputs[1].dtype;
  checks
      .require(kernel_case.inputs[0].dtype == DType::kBool, "input 0: expected bool, found {}",
               name_of(kernel_case.inputs[0].dtype))
      .require(kernel_case.inputs[2].dtype == dtype, "input 2: expected {}, found {}",
               name_of(dtype), name_of(kernel_case.inputs[2].dtype))
      .require(kernel_case.outputs[0].dtype == dtype, "output 0: expected {}, found {}",
               name_of(dtype), name_of(kernel_case.outputs[0].dtype));
  for (const TensorDesc& input : kernel_case.inputs) {
    broadcast_strides(input.shape, kernel_case.outputs[0].shape);
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_where_create(const KernelCase& kernel_case, WeightStore&) {
  switch (size_of(kernel_case.inputs[1].dtype)) {
    case 1:
      return std::make_unique<RefWhere<std::uint8_t>>(kernel_case);
    case 2:
      return std::make_unique<RefWhere<std::uint16_t>>(kernel_case);
    case 4:
      return std::make_unique<RefWhere<std::uint32_t>>(kernel_case);
    default:
      return std::make_unique<RefWhere<std::uint64_t>>(kernel_case);
  }
}

}  // namespace widepipe::kernels
