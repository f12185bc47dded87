#include "kernels/registry.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "kernels/blocked_concat.h"
#include "kernels/blocked_resize.h"
#include "kernels/hwy_conv_transpose.h"
#include "kernels/hwy_elementwise.h"
#include "kernels/hwy_gemm.h"
#include "kernels/hwy_pool.h"
#include "kernels/onednn_conv.h"
#include "kernels/ref_add.h"
#include "kernels/ref_batch_normalization.h"
#include "kernels/ref_concat.h"
#include "kernels/ref_conv.h"
#include "kernels/ref_conv_transpose.h"
#include "kernels/ref_copy.h"
#include "kernels/ref_cum_sum.h"
#include "kernels/ref_elementwise.h"
#include "kernels/ref_expand.h"
#include "kernels/ref_fill.h"
#include "kernels/ref_gather.h"
#include "kernels/ref_gemm.h"
#include "kernels/ref_matmul.h"
#include "kernels/ref_one_hot.h"
#include "kernels/ref_pad.h"
#include "kernels/ref_pool.h"
#include "kernels/ref_recurrent.h"
#include "kernels/ref_reorder.h"
#include "kernels/ref_resize.h"
#include "kernels/ref_scatter.h"
#include "kernels/ref_shape.h"
#include "kernels/ref_slice.h"
#include "kernels/ref_softmax.h"
#include "kernels/ref_space_depth.h"
#include "kernels/ref_topk.h"
#include "kernels/ref_transpose.h"
#include "kernels/ref_trilu.h"
#include "kernels/winograd_conv.h"

namespace widepipe::kernels {
namespace {

constexpr auto kRegistry = std::to_array<KernelEntry>({
    {"hwy_elementwise", "Add", hwy_add_supports, hwy_add_create},
    {"ref_add", "Add", ref_add_supports, ref_add_create},
    {"hwy_pool", "AveragePool", hwy_pool_supports, hwy_pool_create},
    {"ref_pool", "AveragePool", ref_pool_supports, ref_pool_create},
    {"ref_batch_normalization", "BatchNormalization", ref_batch_normalization_supports,
     ref_batch_normalization_create},
    {"hwy_elementwise", "Clip", hwy_clip_supports, hwy_clip_create},
    {"ref_elementwise", "Clip", ref_clip_supports, ref_clip_create},
    {"blocked_concat", "Concat", blocked_concat_supports, blocked_concat_create},
    {"ref_concat", "Concat", ref_concat_supports, ref_concat_create},
    {"ref_fill", "ConstantOfShape", ref_constant_of_shape_supports, ref_constant_of_shape_create},
    {"winograd_conv", "Conv", winograd_conv_supports, winograd_conv_create},
    {"onednn_conv", "Conv", onednn_conv_supports, onednn_conv_create},
    {"ref_conv", "Conv", ref_conv_supports, ref_conv_create},
    {"hwy_conv_transpose", "ConvTranspose", hwy_conv_transpose_supports, hwy_conv_transpose_create},
    {"ref_conv_transpose", "ConvTranspose", ref_conv_transpose_supports, ref_conv_transpose_create},
    {"ref_cum_sum", "CumSum", ref_cum_sum_supports, ref_cum_sum_create},
    {"ref_space_depth", "DepthToSpace", ref_space_depth_supports, ref_space_depth_create},
    {"ref_expand", "Expand", ref_expand_supports, ref_expand_create},
    {"ref_copy", "Flatten", ref_copy_supports, ref_copy_create},
    {"ref_recurrent", "GRU", ref_gru_supports, ref_gru_create},
    {"ref_gather", "Gather", ref_gather_supports, ref_gather_create},
    {"ref_gather", "GatherElements", ref_gather_elements_supports, ref_gather_elements_create},
    {"ref_gather", "GatherND", ref_gather_nd_supports, ref_gather_nd_create},
    {"hwy_gemm", "Gemm", hwy_gemm_supports, hwy_gemm_create},
    {"ref_gemm", "Gemm", ref_gemm_supports, ref_gemm_create},
    {"hwy_pool", "GlobalAveragePool", hwy_pool_supports, hwy_pool_create},
    {"ref_pool", "GlobalAveragePool", ref_pool_supports, ref_pool_create},
    {"hwy_pool", "GlobalMaxPool", hwy_pool_supports, hwy_pool_create},
    {"ref_pool", "GlobalMaxPool", ref_pool_supports, ref_pool_create},
    {"ref_copy", "Identity", ref_copy_supports, ref_copy_create},
    {"ref_recurrent", "LSTM", ref_lstm_supports, ref_lstm_create},
    {"hwy_gemm", "MatMul", hwy_gemm_supports, hwy_gemm_create},
    {"ref_matmul", "MatMul", ref_matmul_supports, ref_matmul_create},
    {"hwy_pool", "MaxPool", hwy_pool_supports, hwy_pool_create},
    {"ref_pool", "MaxPool", ref_pool_supports, ref_pool_create},
    {"ref_one_hot", "OneHot", ref_one_hot_supports, ref_one_hot_create},
    {"ref_pad", "Pad", ref_pad_supports, ref_pad_create},
    {"ref_fill", "Range", ref_range_supports, ref_range_create},
    {"hwy_elementwise", "Relu", hwy_relu_supports, hwy_relu_create},
    {"ref_elementwise", "Relu", ref_relu_supports, ref_relu_create},
    {"ref_reorder", "Reorder", ref_reorder_supports, ref_reorder_create},
    {"ref_copy", "Reshape", ref_copy_supports, ref_copy_create},
    {"blocked_resize", "Resize", blocked_resize_supports, blocked_resize_create},
    {"ref_resize", "Resize", ref_resize_supports, ref_resize_create},
    {"ref_scatter", "Scatter", ref_scatter_elements_supports, ref_scatter_elements_create},
    {"ref_scatter", "ScatterElements", ref_scatter_elements_supports, ref_scatter_elements_create},
    {"ref_scatter", "ScatterND", ref_scatter_nd_supports, ref_scatter_nd_create},
    {"ref_shape", "Shape", ref_shape_supports, ref_shape_create},
    {"ref_shape", "Size", ref_shape_supports, ref_shape_create},
    {"ref_slice", "Slice", ref_slice_supports, ref_slice_create},
    {"ref_softmax", "Softmax", ref_softmax_supports, ref_softmax_create},
    {"ref_space_depth", "SpaceToDepth", ref_space_depth_supports, ref_space_depth_create},
    {"ref_slice", "Split", ref_split_supports, ref_split_create},
    {"ref_copy", "Squeeze", ref_copy_supports, ref_copy_create},
    {"ref_expand", "Tile", ref_expand_supports, ref_expand_create},
    {"ref_topk", "TopK", ref_topk_supports, ref_topk_create},
    {"ref_transpose", "Transpose", ref_transpose_supports, ref_transpose_create},
    {"ref_trilu", "Trilu", ref_trilu_supports, ref_trilu_create},
    {"ref_copy", "Unsqueeze", ref_copy_supports, ref_copy_create},
    {"blocked_resize", "Upsample", blocked_resize_supports, blocked_resize_create},
    {"ref_resize", "Upsample", ref_resize_supports, ref_resize_create},
});

Support ask(const KernelEntry& entry, const KernelCase& kernel_case) {
  try {
    return entry.supports(kernel_case);
  } catch (const InputError& error) {
    return Support::declined(error.what());
  }
}

template <typename Filter>
Choice choose_among(const KernelCase& kernel_case, const Filter& considered) {
  Choice choice;
  for (const KernelEntry& entry : kRegistry) {
    if (entry.op != kernel_case.op || !considered(entry)) continue;
    Support support = ask(entry, kernel_case);
    if (support) {
      choice.entry = &entry;
      choice.support = std::move(support);
      break;
    }
    choice.declined.push_back({entry.name, support.reason()});
  }
  return choice;
}

}  // namespace

std::span<const KernelEntry> registry() { return kRegistry; }

bool knows(std::string_view op) {
  return std::any_of(kRegistry.begin(), kRegistry.end(),
                     [op](const KernelEntry& entry) { return entry.op == op; });
}

Choice choose(const KernelCase& kernel_case) {
  return choose_among(kernel_case, [](const KernelEntry&) { return true; });
}

Choice choose_reference(const KernelCase& kernel_case) {
  return choose_among(kernel_case,
                      [](const KernelEntry& entry) { return entry.name.starts_with("ref_"); });
}

}  // namespace widepipe::kernels
