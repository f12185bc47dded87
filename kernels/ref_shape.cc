#include "kernels/ref_shape.h"

#include <algorithm>
#include <utility>

#include "kernels/axes.h"
#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

class RefShape final : public Kernel {
 public:
  explicit RefShape(Shape shape) : shape_(std::move(shape)) {}

  void run(const KernelArgs& args) override {
    std::copy(shape_.begin(), shape_.end(), as<std::int64_t>(args.outputs[0]));
  }

 private:
  Shape shape_;
};

}  // namespace

Support ref_shape_supports(const KernelCase& kernel_case) {
  return Checks(kernel_case)
      .arity(1, 1)
      .no_activation()
      .require(kernel_case.outputs[0].dtype == DType::kI64, "output 0: expected i64, found {}",
               name_of(kernel_case.outputs[0].dtype))
      .plain();
}

std::unique_ptr<Kernel> ref_shape_create(const KernelCase& kernel_case, WeightStore&) {
  const Shape& x = kernel_case.inputs[0].shape;
  if (kernel_case.op == "Size") return std::make_unique<RefShape>(Shape{element_count(x)});
  const auto [first, last] = selected_axes(*kernel_case.attributes, x.size());
  return std::make_unique<RefShape>(Shape(x.begin() + first, x.begin() + last));
}

}  // namespace widepipe::kernels
