#include "kernels/ref_expand.h"

#include <vector>

#include "kernels/checks.h"
#include "kernels/strided_copy.h"

namespace widepipe::kernels {

Support ref_expand_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 2).same_dtype().no_activation();
  if (!checks.ok()) return checks.plain();
  const Shape& x = kernel_case.inputs[0].shape;
  const Shape& y = kernel_case.outputs[0].shape;
  bool fits = x.size() <= y.size();
  for (std::size_t i = 0; fits && i < x.size(); ++i) {
    const std::int64_t to = y[y.size() - x.size() + i];
    const bool once = kernel_case.op == "Expand" && x[i] != 1;
    fits = once ? to == x[i] : (x[i] == 0 ? to == 0 : to % x[i] == 0);
  }
  return checks
      .require(fits, "output {} does not hold input {} a whole number of times", to_string(y),
               to_string(x))
      .plain();
}

std::unique_ptr<Kernel> ref_expand_create(const KernelCase& kernel_case, WeightStore&) {
  const TensorDesc& x = kernel_case.inputs[0];
  const Shape& y = kernel_case.outputs[0].shape;
  const std::vector<std::int64_t> strides = dense_strides(x.shape);
  const std::size_t added = y.size() - x.shape.size();
  std::vector<StridedAxis> axes;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (i < added) {
      axes.push_back({y[i], 0});
      continue;
    }
    const std::int64_t size = x.shape[i - added];
    axes.push_back({size == 0 ? 0 : y[i] / size, 0});
    axes.push_back({size, strides[i - added]});
  }
  return strided_copy_kernel({axes, 0, size_of(x.dtype)});
}

}  // namespace widepipe::kernels
