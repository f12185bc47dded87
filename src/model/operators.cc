#include "model/operators.h"

#include <algorithm>
#include <array>

#include "model/infer_dense.h"
#include "model/infer_elementwise.h"
#include "model/infer_expand.h"
#include "model/infer_gather.h"
#include "model/infer_ml.h"
#include "model/infer_normalization.h"
#include "model/infer_parts.h"
#include "model/infer_recurrent.h"
#include "model/infer_reduce.h"
#include "model/infer_resample.h"
#include "model/infer_view.h"
#include "model/infer_window.h"

namespace widepipe::model {
namespace {

/// The newest operator set whose changes to these operators have been read: since version 13 they
/// gained element types only, and Reshape its allowzero.
constexpr int kNewest = 28;
/// The same of ai.onnx.ml.
constexpr int kNewestMl = 5;

constexpr auto kOperators = std::to_array<Operator>({
    {"Abs", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Acos", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Acosh", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Add", 1, kNewest, 2, 2, one_output<infer_binary>},
    {"And", 1, kNewest, 2, 2, one_output<infer_binary>},
    {"ArgMax", 1, kNewest, 1, 1, one_output<infer_arg_reduce>},
    {"ArgMin", 1, kNewest, 1, 1, one_output<infer_arg_reduce>},
    {"Asin", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Asinh", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Atan", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Atanh", 1, kNewest, 1, 1, one_output<infer_same>},
    {"AveragePool", 1, kNewest, 1, 1, one_output<infer_pool>},
    {"BatchNormalization", 1, kNewest, 5, 5, one_output<infer_batch_normalization>},
    {"Cast", 1, kNewest, 1, 1, one_output<infer_cast>},
    {"CastLike", 1, kNewest, 2, 2, one_output<infer_cast_like>},
    {"Ceil", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Celu", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Clip", 1, kNewest, 1, 3, one_output<infer_clip>},
    {"Concat", 1, kNewest, 1, kManyInputs, one_output<infer_concat>},
    {"ConstantOfShape", 9, kNewest, 1, 1, one_output<infer_constant_of_shape>},
    {"Conv", 1, kNewest, 2, 3, one_output<infer_conv>},
    {"ConvTranspose", 1, kNewest, 2, 3, one_output<infer_conv_transpose>},
    {"Cos", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Cosh", 1, kNewest, 1, 1, one_output<infer_same>},
    {"CumSum", 11, kNewest, 2, 2, one_output<infer_cum_sum>},
    {"DepthToSpace", 1, kNewest, 1, 1, one_output<infer_depth_to_space>},
    {"Div", 1, kNewest, 2, 2, one_output<infer_binary>},
    {"Dropout", 1, kNewest, 1, 3, one_output<infer_same>},
    {"Elu", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Equal", 1, kNewest, 2, 2, one_output<infer_comparison>},
    {"Erf", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Exp", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Expand", 8, kNewest, 2, 2, one_output<infer_expand>},
    {"Flatten", 1, kNewest, 1, 1, one_output<infer_flatten>},
    {"Floor", 1, kNewest, 1, 1, one_output<infer_same>},
    {"GRU", 7, kNewest, 3, 6, infer_gru},
    {"Gather", 1, kNewest, 2, 2, one_output<infer_gather>},
    {"GatherElements", 11, kNewest, 2, 2, one_output<infer_gather_elements>},
    {"GatherND", 11, kNewest, 2, 2, one_output<infer_gather_nd>},
    {"Gelu", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Gemm", 1, kNewest, 2, 3, one_output<infer_gemm>},
    {"GlobalAveragePool", 1, kNewest, 1, 1, one_output<infer_global_pool>},
    {"GlobalMaxPool", 1, kNewest, 1, 1, one_output<infer_global_pool>},
    {"Greater", 1, kNewest, 2, 2, one_output<infer_comparison>},
    {"GreaterOrEqual", 1, kNewest, 2, 2, one_output<infer_comparison>},
    {"GroupNormalization", 1, kNewest, 3, 3, one_output<infer_group_normalization>},
    {"HardSigmoid", 1, kNewest, 1, 1, one_output<infer_same>},
    {"HardSwish", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Hardmax", 1, kNewest, 1, 1, one_output<infer_softmax>},
    {"Identity", 1, kNewest, 1, 1, one_output<infer_same>},
    {"InstanceNormalization", 1, kNewest, 3, 3, one_output<infer_group_normalization>},
    {"IsInf", 1, kNewest, 1, 1, one_output<infer_predicate>},
    {"IsNaN", 1, kNewest, 1, 1, one_output<infer_predicate>},
    {"LRN", 1, kNewest, 1, 1, one_output<infer_lrn>},
    {"LSTM", 7, kNewest, 3, 8, infer_lstm},
    {"LayerNormalization", 1, kNewest, 2, 3, infer_layer_normalization},
    {"LeakyRelu", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Less", 1, kNewest, 2, 2, one_output<infer_comparison>},
    {"LessOrEqual", 1, kNewest, 2, 2, one_output<infer_comparison>},
    {"Log", 1, kNewest, 1, 1, one_output<infer_same>},
    {"LogSoftmax", 1, kNewest, 1, 1, one_output<infer_softmax>},
    {"LpNormalization", 1, kNewest, 1, 1, one_output<infer_lp_normalization>},
    {"MatMul", 1, kNewest, 2, 2, one_output<infer_matmul>},
    {"Max", 1, kNewest, 1, kManyInputs, one_output<infer_variadic>},
    {"MaxPool", 1, kNewest, 1, 1, one_output<infer_pool>},
    {"Mean", 1, kNewest, 1, kManyInputs, one_output<infer_variadic>},
    {"MeanVarianceNormalization", 1, kNewest, 1, 1, one_output<infer_mean_variance_normalization>},
    {"Min", 1, kNewest, 1, kManyInputs, one_output<infer_variadic>},
    {"Mish", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Mod", 1, kNewest, 2, 2, one_output<infer_binary>},
    {"Mul", 1, kNewest, 2, 2, one_output<infer_binary>},
    {"Neg", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Not", 1, kNewest, 1, 1, one_output<infer_same>},
    {"OneHot", 9, kNewest, 3, 3, one_output<infer_one_hot>},
    {"Or", 1, kNewest, 2, 2, one_output<infer_binary>},
    {"PRelu", 1, kNewest, 2, 2, one_output<infer_prelu>},
    {"Pad", 2, kNewest, 1, 4, one_output<infer_pad>},
    {"Pow", 1, kNewest, 2, 2, one_output<infer_pow>},
    {"Range", 11, kNewest, 3, 3, one_output<infer_range>},
    {"Reciprocal", 1, kNewest, 1, 1, one_output<infer_same>},
    {"ReduceL1", 1, kNewest, 1, 2, one_output<infer_reduce>},
    {"ReduceL2", 1, kNewest, 1, 2, one_output<infer_reduce>},
    {"ReduceLogSum", 1, kNewest, 1, 2, one_output<infer_reduce>},
    {"ReduceLogSumExp", 1, kNewest, 1, 2, one_output<infer_reduce>},
    {"ReduceMax", 1, kNewest, 1, 2, one_output<infer_reduce>},
    {"ReduceMean", 1, kNewest, 1, 2, one_output<infer_reduce>},
    {"ReduceMin", 1, kNewest, 1, 2, one_output<infer_reduce>},
    {"ReduceProd", 1, kNewest, 1, 2, one_output<infer_reduce>},
    {"ReduceSum", 1, kNewest, 1, 2, one_output<infer_reduce>},
    {"ReduceSumSquare", 1, kNewest, 1, 2, one_output<infer_reduce>},
    {"Relu", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Reshape", 1, kNewest, 1, 2, one_output<infer_reshape>},
    {"Resize", 10, kNewest, 1, 4, one_output<infer_resize>},
    {"Round", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Scatter", 9, 10, 3, 3, one_output<infer_scatter_elements>},
    {"ScatterElements", 11, kNewest, 3, 3, one_output<infer_scatter_elements>},
    {"ScatterND", 11, kNewest, 3, 3, one_output<infer_scatter_nd>},
    {"Selu", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Shape", 1, kNewest, 1, 1, one_output<infer_shape_of>},
    {"Sigmoid", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Sign", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Sin", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Sinh", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Size", 1, kNewest, 1, 1, one_output<infer_size_of>},
    {"Slice", 1, kNewest, 1, 5, one_output<infer_slice>},
    {"Softmax", 1, kNewest, 1, 1, one_output<infer_softmax>},
    {"Softplus", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Softsign", 1, kNewest, 1, 1, one_output<infer_same>},
    {"SpaceToDepth", 1, kNewest, 1, 1, one_output<infer_space_to_depth>},
    {"Split", 2, kNewest, 1, 2, infer_split},
    {"Sqrt", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Squeeze", 1, kNewest, 1, 2, one_output<infer_squeeze>},
    {"Sub", 1, kNewest, 2, 2, one_output<infer_binary>},
    {"Sum", 1, kNewest, 1, kManyInputs, one_output<infer_variadic>},
    {"Tan", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Tanh", 1, kNewest, 1, 1, one_output<infer_same>},
    {"ThresholdedRelu", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Tile", 6, kNewest, 2, 2, one_output<infer_tile>},
    {"TopK", 1, kNewest, 1, 2, infer_topk},
    {"Transpose", 1, kNewest, 1, 1, one_output<infer_transpose>},
    {"Trilu", 14, kNewest, 1, 2, one_output<infer_trilu>},
    {"Unsqueeze", 1, kNewest, 1, 2, one_output<infer_unsqueeze>},
    {"Upsample", 7, 9, 1, 2, one_output<infer_resize>},
    {"Where", 1, kNewest, 3, 3, one_output<infer_where>},
    {"Xor", 1, kNewest, 2, 2, one_output<infer_binary>},
    {"ai.onnx.ml.ArrayFeatureExtractor", 1, kNewestMl, 2, 2, one_output<infer_feature_extractor>},
    {"ai.onnx.ml.Binarizer", 1, kNewestMl, 1, 1, one_output<infer_same>},
    {"ai.onnx.ml.LabelEncoder", 1, kNewestMl, 1, 1, one_output<infer_label_encoder>},
    {"ai.onnx.ml.LinearClassifier", 1, kNewestMl, 1, 1, infer_linear_classifier},
    {"ai.onnx.ml.LinearRegressor", 1, kNewestMl, 1, 1, one_output<infer_linear_regressor>},
    {"ai.onnx.ml.Normalizer", 1, kNewestMl, 1, 1, one_output<infer_scaler>},
    {"ai.onnx.ml.Scaler", 1, kNewestMl, 1, 1, one_output<infer_scaler>},
    {"ai.onnx.ml.TreeEnsembleClassifier", 1, kNewestMl, 1, 1, infer_tree_classifier},
    {"ai.onnx.ml.TreeEnsembleRegressor", 1, kNewestMl, 1, 1, one_output<infer_tree_regressor>},
});

}  // namespace

std::span<const Operator> operators() { return kOperators; }

const Operator* find_operator(std::string_view name) {
  const auto* found = std::find_if(kOperators.begin(), kOperators.end(),
                                   [name](const Operator& op) { return op.name == name; });
  return found == kOperators.end() ? nullptr : found;
}

}  // namespace widepipe::model
