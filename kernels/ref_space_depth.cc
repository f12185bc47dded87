#include "kernels/ref_space_depth.h"

#include <string>
#include <vector>

#include "kernels/checks.h"
#include "kernels/strided_copy.h"

namespace widepipe::kernels {
namespace {

/// The output's axes; both operators move blocks between the channels and the two axes behind.
std::vector<StridedAxis> axes_of(const KernelCase& kernel_case, std::int64_t block) {
  const Shape& x = kernel_case.inputs[0].shape;
  const std::int64_t height = x[2];
  const std::int64_t width = x[3];
  const std::int64_t plane = height * width;
  if (kernel_case.op == "SpaceToDepth") {
    return {{x[0], x[1] * plane},
            {block, width},
            {block, 1},
            {x[1], plane},
            {height / block, block * width},
            {width / block, block}};
  }
  const std::int64_t depth = x[1] / (block * block);
  const bool depth_first = kernel_case.attributes->text("mode", "DCR") == "DCR";
  const std::int64_t in_depth = depth_first ? plane : block * block * plane;
  const std::int64_t in_block = depth_first ? depth * plane : plane;
  return {{x[0], x[1] * plane},      {depth, in_depth}, {height, width},
          {block, block * in_block}, {width, 1},        {block, in_block}};
}

}  // namespace

Support ref_space_depth_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).same_dtype().no_activation();
  if (!checks.ok()) return checks.plain();
  const Shape& x = kernel_case.inputs[0].shape;
  const Shape& y = kernel_case.outputs[0].shape;
  const std::int64_t block = kernel_case.attributes->integer("blocksize", 0);
  const std::string mode = kernel_case.attributes->text("mode", "DCR");
  checks
      .require(block > 0 && block < (std::int64_t{1} << 15) && x.size() == 4 && y.size() == 4,
               "X {} and Y {} do not fit with blocksize {}", to_string(x), to_string(y), block)
      .require(mode == "DCR" || mode == "CRD", "attribute mode: expected DCR or CRD, found {}",
               mode);
  if (!checks.ok()) return checks.plain();
  const bool to_space = kernel_case.op == "DepthToSpace";
  const Shape& deep = to_space ? x : y;
  const Shape& wide = to_space ? y : x;
  return checks
      .require(deep[0] == wide[0] && deep[1] == wide[1] * block * block &&
                   wide[2] == deep[2] * block && wide[3] == deep[3] * block,
               "X {} and Y {} do not fit with blocksize {}", to_string(x), to_string(y), block)
      .plain();
}

std::unique_ptr<Kernel> ref_space_depth_create(const KernelCase& kernel_case, WeightStore&) {
  const std::int64_t block = kernel_case.attributes->integer("blocksize", 0);
  return strided_copy_kernel(
      {axes_of(kernel_case, block), 0, size_of(kernel_case.inputs[0].dtype)});
}

}  // namespace widepipe::kernels
