#include "kernels/ref_concat.h"

#include <span>
#include <utility>
#include <vector>

#include "kernels/concat_case.h"

namespace widepipe::kernels {

Support ref_concat_supports(const KernelCase& kernel_case) {
  return check_concat(kernel_case).plain();
}

std::unique_ptr<Kernel> ref_concat_create(const KernelCase& kernel_case, WeightStore&) {
  const std::size_t axis = concat_axis(kernel_case);
  std::vector<std::size_t> pieces;
  for (const TensorDesc& input : kernel_case.inputs) {
    pieces.push_back(static_cast<std::size_t>(element_count(std::span(input.shape).subspan(axis))) *
                     size_of(input.dtype));
  }
  return concat_kernel(element_count(std::span(kernel_case.outputs[0].shape).first(axis)),
                       std::move(pieces));
}

}  // namespace widepipe::kernels
