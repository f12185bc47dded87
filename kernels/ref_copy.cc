#include "kernels/ref_copy.h"

#include <cstring>

#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

class RefCopy final : public Kernel {
 public:
  explicit RefCopy(std::size_t bytes) : bytes_(bytes) {}

  void run(const KernelArgs& args) override {
    if (bytes_ != 0) std::memcpy(args.outputs[0], args.inputs[0], bytes_);
  }

 private:
  std::size_t bytes_;
};

}  // namespace

Support ref_copy_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  const bool sized =
      kernel_case.op == "Reshape" || kernel_case.op == "Squeeze" || kernel_case.op == "Unsqueeze";
  checks.arity(1, sized ? 2 : 1).same_dtype().no_activation();
  if (checks.ok()) {
    const TensorDesc& from = kernel_case.inputs[0];
    const TensorDesc& to = kernel_case.outputs[0];
    checks.require(element_count(from.shape) == element_count(to.shape),
                   "input {} and output {} have different numbers of elements",
                   to_string(from.shape), to_string(to.shape));
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_copy_create(const KernelCase& kernel_case, WeightStore&) {
  const TensorDesc& from = kernel_case.inputs[0];
  return std::make_unique<RefCopy>(static_cast<std::size_t>(element_count(from.shape)) *
                                   size_of(from.dtype));
}

}  // namespace widepipe::kernels
