#pragma once
// Runs models through plans and through the reference, for comparison.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "model/graph.h"
#include "model/plan.h"
#include "tests/unit/onnx_builder.h"

namespace widepipe::testing {

/// x [N, 3] -> Relu -> y.
OnnxBuilder relu_model();

/// x [N, 1, 6, 6] -> Conv, Relu, MaxPool, Flatten, Gemm, Softmax -> y [N, 3].
OnnxBuilder small_network();

/// What importing "m.onnx" of these bytes says; "no error" if it does not fail.
std::string import_error(std::span<const std::byte> bytes);

/// The model, imported, optimised and ready.
std::shared_ptr<const model::Model> make_model(const OnnxBuilder& builder);

/// The graph with types but not optimised.
model::Graph typed_graph(const OnnxBuilder& builder);

/// One random f32 tensor for each input of the graph.
std::vector<Tensor> random_inputs(const model::Graph& graph, std::int64_t rows, std::uint32_t seed);

/// `count` rows of a tensor, from `first` on.
Tensor rows_of(const Tensor& tensor, std::int64_t first, std::int64_t count);

/// The outputs, in memory that held NaNs before.
std::vector<Tensor> run_plan(model::Plan& plan, const model::Model& model,
                             std::span<const Tensor> inputs);

bool same_bits(std::span<const Tensor> a, std::span<const Tensor> b);

/// The largest difference of f32 elements, as a share of the largest expected one.
double relative_error(std::span<const Tensor> expected, std::span<const Tensor> found);

/// The operators of the graph's nodes, each with its activation: "Conv+relu MaxPool Gemm".
std::string operators_of(const model::Graph& graph);

}  // namespace widepipe::testing
