#include "model/operators.h"

#include <algorithm>
#include <array>

#include "model/infer_dense.h"
#include "model/infer_elementwise.h"
#include "model/infer_expand.h"
#include "model/infer_gather.h"
#include "model/infer_parts.h"
#include "model/infer_recurrent.h"
#include "model/infer_resample.h"
#include "model/infer_view.h"
#include "model/infer_window.h"

namespace widepipe::model {
namespace {

/// The newest operator set whose changes to these operators have been read: since version 13 they
/// gained element types only, and Reshape its allowzero.
constexpr int kNewest = 28;

constexpr auto kOperators = std::to_array<Operator>({
    {"Add", 1, kNewest, 2, 2, one_output<infer_add>},
    {"AveragePool", 1, kNewest, 1, 1, one_output<infer_pool>},
    {"BatchNormalization", 1, kNewest, 5, 5, one_output<infer_batch_normalization>},
    {"Clip", 1, kNewest, 1, 3, one_output<infer_clip>},
    {"Concat", 1, kNewest, 1, kManyInputs, one_output<infer_concat>},
    {"ConstantOfShape", 9, kNewest, 1, 1, one_output<infer_constant_of_shape>},
    {"Conv", 1, kNewest, 2, 3, one_output<infer_conv>},
    {"ConvTranspose", 1, kNewest, 2, 3, one_output<infer_conv_transpose>},
    {"CumSum", 11, kNewest, 2, 2, one_output<infer_cum_sum>},
    {"DepthToSpace", 1, kNewest, 1, 1, one_output<infer_depth_to_space>},
    {"Dropout", 1, kNewest, 1, 3, one_output<infer_same>},
    {"Expand", 8, kNewest, 2, 2, one_output<infer_expand>},
    {"Flatten", 1, kNewest, 1, 1, one_output<infer_flatten>},
    {"GRU", 7, kNewest, 3, 6, infer_gru},
    {"Gather", 1, kNewest, 2, 2, one_output<infer_gather>},
    {"GatherElements", 11, kNewest, 2, 2, one_output<infer_gather_elements>},
    {"GatherND", 11, kNewest, 2, 2, one_output<infer_gather_nd>},
    {"Gemm", 1, kNewest, 2, 3, one_output<infer_gemm>},
    {"GlobalAveragePool", 1, kNewest, 1, 1, one_output<infer_global_pool>},
    {"GlobalMaxPool", 1, kNewest, 1, 1, one_output<infer_global_pool>},
    {"Identity", 1, kNewest, 1, 1, one_output<infer_same>},
    {"LSTM", 7, kNewest, 3, 8, infer_lstm},
    {"MatMul", 1, kNewest, 2, 2, one_output<infer_matmul>},
    {"MaxPool", 1, kNewest, 1, 1, one_output<infer_pool>},
    {"OneHot", 9, kNewest, 3, 3, one_output<infer_one_hot>},
    {"Pad", 2, kNewest, 1, 4, one_output<infer_pad>},
    {"Range", 11, kNewest, 3, 3, one_output<infer_range>},
    {"Relu", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Reshape", 1, kNewest, 1, 2, one_output<infer_reshape>},
    {"Resize", 10, kNewest, 1, 4, one_output<infer_resize>},
    {"Scatter", 9, 10, 3, 3, one_output<infer_scatter_elements>},
    {"ScatterElements", 11, kNewest, 3, 3, one_output<infer_scatter_elements>},
    {"ScatterND", 11, kNewest, 3, 3, one_output<infer_scatter_nd>},
    {"Shape", 1, kNewest, 1, 1, one_output<infer_shape_of>},
    {"Size", 1, kNewest, 1, 1, one_output<infer_size_of>},
    {"Slice", 1, kNewest, 1, 5, one_output<infer_slice>},
    {"Softmax", 1, kNewest, 1, 1, one_output<infer_softmax>},
    {"SpaceToDepth", 1, kNewest, 1, 1, one_output<infer_space_to_depth>},
    {"Split", 2, kNewest, 1, 2, infer_split},
    {"Squeeze", 1, kNewest, 1, 2, one_output<infer_squeeze>},
    {"Tile", 6, kNewest, 2, 2, one_output<infer_tile>},
    {"TopK", 1, kNewest, 1, 2, infer_topk},
    {"Transpose", 1, kNewest, 1, 1, one_output<infer_transpose>},
    {"Trilu", 14, kNewest, 1, 2, one_output<infer_trilu>},
    {"Unsqueeze", 1, kNewest, 1, 2, one_output<infer_unsqueeze>},
    {"Upsample", 7, 9, 1, 2, one_output<infer_resize>},
});

}  // namespace

std::span<const Operator> operators() { return kOperators; }

const Operator* find_operator(std::string_view name) {
  const auto* found = std::find_if(kOperators.begin(), kOperators.end(),
                                   [name](const Operator& op) { return op.name == name; });
  return found == kOperators.end() ? nullptr : found;
}

}  // namespace widepipe::model
