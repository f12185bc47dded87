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
    {"Add", 1, kNewest, 2, 2, infer_add},
    {"AveragePool", 1, kNewest, 1, 1, infer_pool},
    {"BatchNormalization", 1, kNewest, 5, 5, infer_batch_normalization},
    {"Clip", 1, kNewest, 1, 3, infer_clip},
    {"Conv", 1, kNewest, 2, 3, infer_conv},
    {"Dropout", 1, kNewest, 1, 3, infer_same},
    {"Flatten", 1, kNewest, 1, 1, infer_flatten},
    {"Gemm", 1, kNewest, 2, 3, infer_gemm},
    {"GlobalAveragePool", 1, kNewest, 1, 1, infer_global_pool},
    {"Identity", 1, kNewest, 1, 1, infer_same},
    {"MatMul", 1, kNewest, 2, 2, infer_matmul},
    {"MaxPool", 1, kNewest, 1, 1, infer_pool},
    {"Relu", 1, kNewest, 1, 1, infer_same},
    {"Reshape", 1, kNewest, 1, 2, infer_reshape},
    {"Softmax", 1, kNewest, 1, 1, infer_softmax},
});

}  // namespace

std::span<const Operator> operators() { return kOperators; }

const Operator* find_operator(std::string_view name) {
  const auto* found = std::find_if(kOperators.begin(), kOperators.end(),
                                   [name](const Operator& op) { return op.name == name; });
  return found == kOperators.end() ? nullptr : found;
}

}  // namespace widepipe::model
