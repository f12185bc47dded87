#include "kernels/blocked_resize.h"

#include <utility>
#include <vector>

#include "kernels/checks.h"
#include "kernels/nearest_resize.h"

namespace widepipe::kernels {

Support blocked_resize_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 4).no_activation();
  if (!checks.ok()) return checks.plain();
  const TensorDesc& x = kernel_case.inputs[0];
  checks.require(x.layout != Layout::kPlain, "the input arrives plain")
      .require(x.dtype == DType::kF32 && kernel_case.outputs[0].dtype == DType::kF32,
               "expected f32, found {}", name_of(x.dtype));
  if (!checks.ok()) return checks.plain();
  const ResizeGeometry geometry = resize_geometry(kernel_case);
  checks.require(geometry.mode == "nearest", "mode {}", geometry.mode)
      .require(geometry.coordinates != "tf_crop_and_resize", "tf_crop_and_resize")
      .require(geometry.keeps(geometry.axes[0]) && geometry.keeps(geometry.axes[1]),
               "batch or channels are resized");
  if (!checks.ok()) return checks.plain();
  return Support::with_layouts({x.layout}, {x.layout});
}

std::unique_ptr<Kernel> blocked_resize_create(const KernelCase& kernel_case, WeightStore&) {
  const TensorDesc& x = kernel_case.inputs[0];
  const ResizeGeometry geometry = resize_geometry(kernel_case);
  const std::int64_t block = channel_block(x.layout);
  // The blocks of channels as an axis, and behind the pixels their channels as another.
  Shape from = x.shape;
  from[1] = (from[1] + block - 1) / block;
  from.push_back(block);
  std::vector<AxisMap> maps = nearest_maps(geometry);
  maps[1] = identity_map(from[1]);
  maps.push_back(identity_map(block));
  return nearest_kernel({from, maps, size_of(x.dtype)}, 0.0F);
}

}  // namespace widepipe::kernels
