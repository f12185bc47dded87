#include "kernels/registry.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "kernels/blocked_concat.h"
#include "kernels/blocked_resize.h"
#include "kernels/hwy_binary.h"
#include "kernels/hwy_conv_transpose.h"
#include "kernels/hwy_elementwise.h"
#include "kernels/hwy_gemm.h"
#include "kernels/hwy_pool.h"
#include "kernels/hwy_rows.h"
#include "kernels/hwy_unary.h"
#include "kernels/onednn_conv.h"
#include "kernels/ref_batch_normalization.h"
#include "kernels/ref_binary.h"
#include "kernels/ref_cast.h"
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
#include "kernels/ref_layer_normalization.h"
#include "kernels/ref_linear_ml.h"
#include "kernels/ref_logic.h"
#include "kernels/ref_lrn.h"
#include "kernels/ref_matmul.h"
#include "kernels/ref_ml_features.h"
#include "kernels/ref_normalization.h"
#include "kernels/ref_one_hot.h"
#include "kernels/ref_pad.h"
#include "kernels/ref_pool.h"
#include "kernels/ref_pow.h"
#include "kernels/ref_recurrent.h"
#include "kernels/ref_reduce.h"
#include "kernels/ref_reorder.h"
#include "kernels/ref_resize.h"
#include "kernels/ref_scatter.h"
#include "kernels/ref_shape.h"
#include "kernels/ref_slice.h"
#include "kernels/ref_softmax.h"
#include "kernels/ref_space_depth.h"
#include "kernels/ref_topk.h"
#include "kernels/ref_transpose.h"
#include "kernels/ref_tree_ensemble.h"
#include "kernels/ref_trilu.h"
#include "kernels/ref_unary.h"
#include "kernels/ref_variadic.h"
#include "kernels/ref_where.h"
#include "kernels/winograd_conv.h"

namespace widepipe::kernels {
namespace {

constexpr auto kRegistry = std::to_array<KernelEntry>({
    {"ref_unary", "Abs", ref_unary_supports, ref_unary_create},
    {"ref_unary", "Acos", ref_unary_supports, ref_unary_create},
    {"ref_unary", "Acosh", ref_unary_supports, ref_unary_create},
    {"hwy_binary", "Add", hwy_binary_supports, hwy_binary_create},
    {"ref_binary", "Add", ref_binary_supports, ref_binary_create},
    {"ref_logic", "And", ref_logic_supports, ref_logic_create},
    {"ref_reduce", "ArgMax", ref_arg_reduce_supports, ref_arg_reduce_create},
    {"ref_reduce", "ArgMin", ref_arg_reduce_supports, ref_arg_reduce_create},
    {"ref_unary", "Asin", ref_unary_supports, ref_unary_create},
    {"ref_unary", "Asinh", ref_unary_supports, ref_unary_create},
    {"ref_unary", "Atan", ref_unary_supports, ref_unary_create},
    {"ref_unary", "Atanh", ref_unary_supports, ref_unary_create},
    {"hwy_pool", "AveragePool", hwy_pool_supports, hwy_pool_create},
    {"ref_pool", "AveragePool", ref_pool_supports, ref_pool_create},
    {"ref_batch_normalization", "BatchNormalization", ref_batch_normalization_supports,
     ref_batch_normalization_create},
    {"ref_cast", "Cast", ref_cast_supports, ref_cast_create},
    {"ref_cast", "CastLike", ref_cast_supports, ref_cast_create},
    {"ref_unary", "Ceil", ref_unary_supports, ref_unary_create},
    {"ref_unary", "Celu", ref_unary_supports, ref_unary_create},
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
    {"ref_unary", "Cos", ref_unary_supports, ref_unary_create},
    {"ref_unary", "Cosh", ref_unary_supports, ref_unary_create},
    {"ref_cum_sum", "CumSum", ref_cum_sum_supports, ref_cum_sum_create},
    {"ref_space_depth", "DepthToSpace", ref_space_depth_supports, ref_space_depth_create},
    {"hwy_binary", "Div", hwy_binary_supports, hwy_binary_create},
    {"ref_binary", "Div", ref_binary_supports, ref_binary_create},
    {"ref_unary", "Elu", ref_unary_supports, ref_unary_create},
    {"ref_logic", "Equal", ref_logic_supports, ref_logic_create},
    {"hwy_unary", "Erf", hwy_unary_supports, hwy_unary_create},
    {"ref_unary", "Erf", ref_unary_supports, ref_unary_create},
    {"hwy_unary", "Exp", hwy_unary_supports, hwy_unary_create},
    {"ref_unary", "Exp", ref_unary_supports, ref_unary_create},
    {"ref_expand", "Expand", ref_expand_supports, ref_expand_create},
    {"ref_copy", "Flatten", ref_copy_supports, ref_copy_create},
    {"ref_unary", "Floor", ref_unary_supports, ref_unary_create},
    {"ref_recurrent", "GRU", ref_gru_supports, ref_gru_create},
    {"ref_gather", "Gather", ref_gather_supports, ref_gather_create},
    {"ref_gather", "GatherElements", ref_gather_elements_supports, ref_gather_elements_create},
    {"ref_gather", "GatherND", ref_gather_nd_supports, ref_gather_nd_create},
    {"ref_unary", "Gelu", ref_unary_supports, ref_unary_create},
    {"hwy_gemm", "Gemm", hwy_gemm_supports, hwy_gemm_create},
    {"ref_gemm", "Gemm", ref_gemm_supports, ref_gemm_create},
    {"hwy_pool", "GlobalAveragePool", hwy_pool_supports, hwy_pool_create},
    {"ref_pool", "GlobalAveragePool", ref_pool_supports, ref_pool_create},
    {"hwy_pool", "GlobalMaxPool", hwy_pool_supports, hwy_pool_create},
    {"ref_pool", "GlobalMaxPool", ref_pool_supports, ref_pool_create},
    {"ref_logic", "Greater", ref_logic_supports, ref_logic_create},
    {"ref_logic", "GreaterOrEqual", ref_logic_supports, ref_logic_create},
    {"ref_normalization", "GroupNormalization", ref_group_normalization_supports,
     ref_group_normalization_create},
    {"hwy_unary", "HardSigmoid", hwy_unary_supports, hwy_unary_create},
    {"ref_unary", "HardSigmoid", ref_unary_supports, ref_unary_create},
    {"hwy_unary", "HardSwish", hwy_unary_supports, hwy_unary_create},
    {"ref_unary", "HardSwish", ref_unary_supports, ref_unary_create},
    {"ref_softmax", "Hardmax", ref_softmax_supports, ref_softmax_create},
    {"ref_copy", "Identity", ref_copy_supports, ref_copy_create},
    {"ref_normalization", "InstanceNormalization", ref_group_normalization_supports,
     ref_group_normalization_create},
    {"ref_unary", "IsInf", ref_predicate_supports, ref_predicate_create},
    {"ref_unary", "IsNaN", ref_predicate_supports, ref_predicate_create},
    {"ref_lrn", "LRN", ref_lrn_supports, ref_lrn_create},
    {"ref_recurrent", "LSTM", ref_lstm_supports, ref_lstm_create},
    {"hwy_rows", "LayerNormalization", hwy_layer_normalization_supports,
     hwy_layer_normalization_create},
    {"ref_layer_normalization", "LayerNormalization", ref_layer_normalization_supports,
     ref_layer_normalization_create},
    {"ref_unary", "LeakyRelu", ref_unary_supports, ref_unary_create},
    {"ref_logic", "Less", ref_logic_supports, ref_logic_create},
    {"ref_logic", "LessOrEqual", ref_logic_supports, ref_logic_create},
    {"ref_unary", "Log", ref_unary_supports, ref_unary_create},
    {"ref_softmax", "LogSoftmax", ref_softmax_supports, ref_softmax_create},
    {"ref_normalization", "LpNormalization", ref_normalization_supports, ref_normalization_create},
    {"hwy_gemm", "MatMul", hwy_gemm_supports, hwy_gemm_create},
    {"ref_matmul", "MatMul", ref_matmul_supports, ref_matmul_create},
    {"ref_variadic", "Max", ref_variadic_supports, ref_variadic_create},
    {"hwy_pool", "MaxPool", hwy_pool_supports, hwy_pool_create},
    {"ref_pool", "MaxPool", ref_pool_supports, ref_pool_create},
    {"ref_variadic", "Mean", ref_variadic_supports, ref_variadic_create},
    {"ref_normalization", "MeanVarianceNormalization", ref_normalization_supports,
     ref_normalization_create},
    {"ref_variadic", "Min", ref_variadic_supports, ref_variadic_create},
    {"ref_unary", "Mish", ref_unary_supports, ref_unary_create},
    {"ref_binary", "Mod", ref_binary_supports, ref_binary_create},
    {"hwy_binary", "Mul", hwy_binary_supports, hwy_binary_create},
    {"ref_binary", "Mul", ref_binary_supports, ref_binary_create},
    {"ref_unary", "Neg", ref_unary_supports, ref_unary_create},
    {"ref_unary", "Not", ref_predicate_supports, ref_predicate_create},
    {"ref_one_hot", "OneHot", ref_one_hot_supports, ref_one_hot_create},
    {"ref_logic", "Or", ref_logic_supports, ref_logic_create},
    {"ref_binary", "PRelu", ref_binary_supports, ref_binary_create},
    {"ref_pad", "Pad", ref_pad_supports, ref_pad_create},
    {"ref_pow", "Pow", ref_pow_supports, ref_pow_create},
    {"ref_fill", "Range", ref_range_supports, ref_range_create},
    {"ref_unary", "Reciprocal", ref_unary_supports, ref_unary_create},
    {"ref_reduce", "ReduceL1", ref_reduce_supports, ref_reduce_create},
    {"ref_reduce", "ReduceL2", ref_reduce_supports, ref_reduce_create},
    {"ref_reduce", "ReduceLogSum", ref_reduce_supports, ref_reduce_create},
    {"ref_reduce", "ReduceLogSumExp", ref_reduce_supports, ref_reduce_create},
    {"ref_reduce", "ReduceMax", ref_reduce_supports, ref_reduce_create},
    {"ref_reduce", "ReduceMean", ref_reduce_supports, ref_reduce_create},
    {"ref_reduce", "ReduceMin", ref_reduce_supports, ref_reduce_create},
    {"ref_reduce", "ReduceProd", ref_reduce_supports, ref_reduce_create},
    {"ref_reduce", "ReduceSum", ref_reduce_supports, ref_reduce_create},
    {"ref_reduce", "ReduceSumSquare", ref_reduce_supports, ref_reduce_create},
    {"hwy_elementwise", "Relu", hwy_relu_supports, hwy_relu_create},
    {"ref_elementwise", "Relu", ref_relu_supports, ref_relu_create},
    {"ref_reorder", "Reorder", ref_reorder_supports, ref_reorder_create},
    {"ref_copy", "Reshape", ref_copy_supports, ref_copy_create},
    {"blocked_resize", "Resize", blocked_resize_supports, blocked_resize_create},
    {"ref_resize", "Resize", ref_resize_supports, ref_resize_create},
    {"ref_unary", "Round", ref_unary_supports, ref_unary_create},
    {"ref_scatter", "Scatter", ref_scatter_elements_supports, ref_scatter_elements_create},
    {"ref_scatter", "ScatterElements", ref_scatter_elements_supports, ref_scatter_elements_create},
    {"ref_scatter", "ScatterND", ref_scatter_nd_supports, ref_scatter_nd_create},
    {"ref_unary", "Selu", ref_unary_supports, ref_unary_create},
    {"ref_shape", "Shape", ref_shape_supports, ref_shape_create},
    {"hwy_unary", "Sigmoid", hwy_unary_supports, hwy_unary_create},
    {"ref_unary", "Sigmoid", ref_unary_supports, ref_unary_create},
    {"ref_unary", "Sign", ref_unary_supports, ref_unary_create},
    {"ref_unary", "Sin", ref_unary_supports, ref_unary_create},
    {"ref_unary", "Sinh", ref_unary_supports, ref_unary_create},
    {"ref_shape", "Size", ref_shape_supports, ref_shape_create},
    {"ref_slice", "Slice", ref_slice_supports, ref_slice_create},
    {"hwy_rows", "Softmax", hwy_softmax_supports, hwy_softmax_create},
    {"ref_softmax", "Softmax", ref_softmax_supports, ref_softmax_create},
    {"ref_unary", "Softplus", ref_unary_supports, ref_unary_create},
    {"ref_unary", "Softsign", ref_unary_supports, ref_unary_create},
    {"ref_space_depth", "SpaceToDepth", ref_space_depth_supports, ref_space_depth_create},
    {"ref_slice", "Split", ref_split_supports, ref_split_create},
    {"ref_unary", "Sqrt", ref_unary_supports, ref_unary_create},
    {"ref_copy", "Squeeze", ref_copy_supports, ref_copy_create},
    {"hwy_binary", "Sub", hwy_binary_supports, hwy_binary_create},
    {"ref_binary", "Sub", ref_binary_supports, ref_binary_create},
    {"ref_variadic", "Sum", ref_variadic_supports, ref_variadic_create},
    {"ref_unary", "Tan", ref_unary_supports, ref_unary_create},
    {"hwy_unary", "Tanh", hwy_unary_supports, hwy_unary_create},
    {"ref_unary", "Tanh", ref_unary_supports, ref_unary_create},
    {"ref_unary", "ThresholdedRelu", ref_unary_supports, ref_unary_create},
    {"ref_expand", "Tile", ref_expand_supports, ref_expand_create},
    {"ref_topk", "TopK", ref_topk_supports, ref_topk_create},
    {"ref_transpose", "Transpose", ref_transpose_supports, ref_transpose_create},
    {"ref_trilu", "Trilu", ref_trilu_supports, ref_trilu_create},
    {"ref_copy", "Unsqueeze", ref_copy_supports, ref_copy_create},
    {"blocked_resize", "Upsample", blocked_resize_supports, blocked_resize_create},
    {"ref_resize", "Upsample", ref_resize_supports, ref_resize_create},
    {"ref_where", "Where", ref_where_supports, ref_where_create},
    {"ref_logic", "Xor", ref_logic_supports, ref_logic_create},
    {"ref_ml_features", "ai.onnx.ml.ArrayFeatureExtractor", ref_feature_extractor_supports,
     ref_feature_extractor_create},
    {"ref_ml_features", "ai.onnx.ml.Binarizer", ref_binarizer_supports, ref_binarizer_create},
    {"ref_ml_features", "ai.onnx.ml.LabelEncoder", ref_label_encoder_supports,
     ref_label_encoder_create},
    {"ref_linear_ml", "ai.onnx.ml.LinearClassifier", ref_linear_classifier_supports,
     ref_linear_classifier_create},
    {"ref_linear_ml", "ai.onnx.ml.LinearRegressor", ref_linear_regressor_supports,
     ref_linear_regressor_create},
    {"ref_ml_features", "ai.onnx.ml.Normalizer", ref_normalizer_supports, ref_normalizer_create},
    {"ref_ml_features", "ai.onnx.ml.Scaler", ref_scaler_supports, ref_scaler_create},
    {"ref_tree_ensemble", "ai.onnx.ml.TreeEnsembleClassifier", ref_tree_classifier_supports,
     ref_tree_classifier_create},
    {"ref_tree_ensemble", "ai.onnx.ml.TreeEnsembleRegressor", ref_tree_regressor_supports,
     ref_tree_regressor_create},
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
