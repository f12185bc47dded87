#include "kernels/blocked_concat.h"

#include <utility>
#include <vector>

#include "kernels/concat_case.h"

namespace widepipe::kernels {
namespace {

/// That in which at least half of the elements arrive; plain if there is none.
Layout arriving_layout(const KernelCase& kernel_case) {
  const std::int64_t total = element_count(kernel_case.outputs[0].shape);
  for (const Layout layout : {Layout::kBlocked8, Layout::kBlocked16}) {
    std::int64_t arriving = 0;
    for (const TensorDesc& input : kernel_case.inputs) {
      if (input.layout == layout) arriving += element_count(input.shape);
    }
    if (arriving > 0 && 2 * arriving >= total) return layout;
  }
  return Layout::kPlain;
}

}  // namespace

Support blocked_concat_supports(const KernelCase& kernel_case) {
  Checks checks = check_concat(kernel_case);
  checks.all_f32();
  if (!checks.ok()) return checks.plain();
  const std::size_t axis = concat_axis(kernel_case);
  const std::size_t rank = kernel_case.outputs[0].shape.size();
  const Layout layout = arriving_layout(kernel_case);
  checks.require(layout != Layout::kPlain, "most of the inputs arrive plain")
      .require(axis > 0 && rank >= 3 && rank <= 5, "axis {} of {} is not blocked", axis, rank);
  const std::size_t parts = kernel_case.inputs.size();
  for (std::size_t i = 0; checks.ok() && axis == 1 && i + 1 < parts; ++i) {
    const std::int64_t channels = kernel_case.inputs[i].shape[1];
    checks.require(channels % channel_block(layout) == 0,
                   "input {}: {} channels are not a multiple of {}", i, channels,
                   channel_block(layout));
  }
  if (!checks.ok()) return checks.plain();
  return Support::with_layouts(std::vector<Layout>(parts, layout), {layout});
}

std::unique_ptr<Kernel> blocked_concat_create(const KernelCase& kernel_case, WeightStore&) {
  const std::size_t axis = concat_axis(kernel_case);
  const auto outer_of = [axis](const TensorDesc& desc) {
    // Blocks of channels come before the axes behind them.
    const std::int64_t block = channel_block(desc.layout);
    std::int64_t outer = desc.shape[0];
    if (axis > 1) outer *= (desc.shape[1] + block - 1) / block;
    for (std::size_t i = 2; i < axis; ++i) outer *= desc.shape[i];
    return outer;
  };
  const std::int64_t outer = outer_of(kernel_case.outputs[0]);
  std::vector<std::size_t> pieces;
  for (const TensorDesc& input : kernel_case.inputs) {
    pieces.push_back(outer == 0 ? 0 : input.bytes() / static_cast<std::size_t>(outer));
  }
  return concat_kernel(outer, std::move(pieces));
}

}  // namespace widepipe::kernels
