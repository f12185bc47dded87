#include "kernels/ref_transpose.h"

#include <vector>

#include "kernels/axes.h"
#include "kernels/checks.h"
#include "kernels/strided_copy.h"

namespace widepipe::kernels {

Support ref_transpose_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).same_dtype().no_activation();
  if (checks.ok()) transpose_order(*kernel_case.attributes, kernel_case.inputs[0].shape.size());
  return checks.plain();
}

std::unique_ptr<Kernel> ref_transpose_create(const KernelCase& kernel_case, WeightStore&) {
  const TensorDesc& x = kernel_case.inputs[0];
  const std::vector<std::int64_t> strides = dense_strides(x.shape);
  std::vector<StridedAxis> axes;
  for (const std::int64_t axis : transpose_order(*kernel_case.attributes, x.shape.size())) {
    const auto i = static_cast<std::size_t>(axis);
    axes.push_back({x.shape[i], strides[i]});
  }
  return strided_copy_kernel({axes, 0, size_of(x.dtype)});
}

}  // namespace widepipe::kernels
