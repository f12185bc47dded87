#include "kernels/concat_case.h"

#include <cstring>
#include <utility>

namespace widepipe::kernels {
namespace {

class ConcatKernel final : public Kernel {
 public:
  ConcatKernel(std::int64_t outer, std::vector<std::size_t> pieces)
      : outer_(outer), pieces_(std::move(pieces)) {}

  void run(const KernelArgs& args) override {
    std::byte* to = args.outputs[0];
    for (std::int64_t i = 0; i < outer_; ++i) {
      for (std::size_t part = 0; part < pieces_.size(); ++part) {
        const std::size_t bytes = pieces_[part];
        if (bytes == 0) continue;
        std::memcpy(to, args.inputs[part] + static_cast<std::size_t>(i) * bytes, bytes);
        to += bytes;
      }
    }
  }

 private:
  std::int64_t outer_;
  std::vector<std::size_t> pieces_;  ///< by input
};

}  // namespace

std::size_t concat_axis(const KernelCase& kernel_case) {
  const auto rank = static_cast<std::int64_t>(kernel_case.outputs[0].shape.size());
  // Version 1 has a default, later ones do not.
  return static_cast<std::size_t>(
      normalized_axis(kernel_case.attributes->integer("axis", 1), rank, rank - 1));
}

Checks check_concat(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(kernel_case.inputs.size(), kernel_case.inputs.size()).same_dtype().no_activation();
  checks.require(!kernel_case.inputs.empty(), "input 0 is missing");
  if (!checks.ok()) return checks;
  const Shape& y = kernel_case.outputs[0].shape;
  const std::size_t axis = concat_axis(kernel_case);
  std::int64_t total = 0;
  for (std::size_t i = 0; i < kernel_case.inputs.size(); ++i) {
    Shape x = kernel_case.inputs[i].shape;
    const bool has_axis = axis < x.size();
    if (has_axis) {
      total += x[axis];
      x[axis] = y[axis];
    }
    checks
        .require(kernel_case.inputs[i].dtype == kernel_case.outputs[0].dtype,
                 "input {}: expected {}, found {}", i, name_of(kernel_case.outputs[0].dtype),
                 name_of(kernel_case.inputs[i].dtype))
        .require(has_axis && x == y, "input {}: shape {} does not fit output {} along axis {}", i,
                 to_string(kernel_case.inputs[i].shape), to_string(y), axis);
  }
  return checks.require(total == y[axis],
                        "axis {}: the inputs make up {} elements, the output has {}", axis, total,
                        y[axis]);
}

std::unique_ptr<Kernel> concat_kernel(std::int64_t outer, std::vector<std::size_t> pieces) {
  return std::make_unique<ConcatKernel>(outer, std::move(pieces));
}

}  // namespace widepipe::kernels
