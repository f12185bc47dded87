#include "model/operators.h"

#include <algorithm>
#include <array>

#include "model/infer_dense.h"
#include "model/infer_elementwise.h"
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
    {"Conv", 1, kNewest, 2, 3, one_output<infer_conv>},
    {"Dropout", 1, kNewest, 1, 3, one_output<infer_same>},
    {"Flatten", 1, kNewest, 1, 1, one_output<infer_flatten>},
    {"Gemm", 1, kNewest, 2, 3, one_output<infer_gemm>},
    {"GlobalAveragePool", 1, kNewest, 1, 1, one_output<infer_global_pool>},
    {"Identity", 1, kNewest, 1, 1, one_output<infer_same>},
    {"MatMul", 1, kNewest, 2, 2, one_output<infer_matmul>},
    {"MaxPool", 1, kNewest, 1, 1, one_output<infer_pool>},
    {"Relu", 1, kNewest, 1, 1, one_output<infer_same>},
    {"Reshape", 1, kNewest, 1, 2, one_output<infer_reshape>},
    {"Shape", 1, kNewest, 1, 1, one_output<infer_shape_of>},
    {"Softmax", 1, kNewest, 1, 1, one_output<infer_softmax>},
    {"Squeeze", 1, kNewest, 1, 2, one_output<infer_squeeze>},
    {"Transpose", 1, kNewest, 1, 1, one_output<infer_transpose>},
    {"Unsqueeze", 1, kNewest, 1, 2, one_output<infer_unsqueeze>},
});

}  // namespace

std::span<const Operator> operators() { return kOperators; }

const Operator* find_operator(std::string_view name) {
  const auto* found = std::find_if(kOperators.begin(), kOperators.end(),
                                   [name](const Operator& op) { return op.name == name; });
  return found == kOperators.end() ? nullptr : found;
}

}  // namespace widepipe::model
