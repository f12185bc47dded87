#include "tests/unit/model_test_support.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "core/error.h"
#include "model/binding.h"
#include "model/kernel_case.h"
#include "model/onnx_import.h"
#include "model/shape_inference.h"

namespace widepipe::testing {

OnnxBuilder relu_model() {
  OnnxBuilder builder;
  builder.input("x", {"N", "3"}).node("Relu", {"x"}, {"y"}).output("y", {"N", "3"});
  return builder;
}

OnnxBuilder small_network() {
  OnnxBuilder builder;
  builder.input("x", {"N", "1", "6", "6"})
      .weights("w", {2, 1, 3, 3})
      .node("Conv", {"x", "w"}, {"c"})
      .node("Relu", {"c"}, {"r"})
      .node("MaxPool", {"r"}, {"p"},
            {Attr("kernel_shape", std::vector<std::int64_t>{2, 2}),
             Attr("strides", std::vector<std::int64_t>{2, 2})})
      .node("Flatten", {"p"}, {"f"})
      .weights("g", {8, 3})
      .weights("b", {3})
      .node("Gemm", {"f", "g", "b"}, {"l"})
      .node("Softmax", {"l"}, {"y"})
      .output("y", {"N", "3"});
  return builder;
}

std::string import_error(std::span<const std::byte> bytes) {
  try {
    model::Model::from_bytes(bytes, "m.onnx");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

std::shared_ptr<const model::Model> make_model(const OnnxBuilder& builder) {
  return model::Model::from_bytes(builder.bytes(), "m");
}

model::Graph typed_graph(const OnnxBuilder& builder) {
  model::Graph graph = model::import_graph(builder.bytes(), "m");
  model::bind_inputs(graph, {});
  model::infer_shapes(graph);
  return graph;
}

std::vector<Tensor> random_inputs(const model::Graph& graph, std::int64_t rows,
                                  std::uint32_t seed) {
  std::vector<Tensor> inputs;
  for (const model::GraphInput& input : graph.inputs) {
    inputs.push_back(random_tensor(model::at(graph.value(input.value).shape, rows), seed++));
  }
  return inputs;
}

Tensor rows_of(const Tensor& tensor, std::int64_t first, std::int64_t count) {
  Shape shape = tensor.shape();
  const std::size_t row = tensor.bytes() / static_cast<std::size_t>(shape[0]);
  shape[0] = count;
  Tensor result(tensor.dtype(), shape);
  std::memcpy(result.data(), tensor.data() + static_cast<std::size_t>(first) * row, result.bytes());
  return result;
}

std::vector<Tensor> run_plan(model::Plan& plan, const model::Model& model,
                             std::span<const Tensor> inputs) {
  std::vector<const std::byte*> sources;
  for (const Tensor& input : inputs) sources.push_back(input.data());
  std::vector<Tensor> outputs;
  std::vector<std::byte*> targets;
  for (const model::Port& port : model.outputs()) {
    Shape shape = port.row_shape;
    shape.insert(shape.begin(), plan.rows());
    Tensor& output = outputs.emplace_back(port.dtype, std::move(shape));
    std::memset(output.data(), 0xFF, output.bytes());
  }
  for (Tensor& output : outputs) targets.push_back(output.data());
  plan.run(sources, targets);
  return outputs;
}

bool same_bits(std::span<const Tensor> a, std::span<const Tensor> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Tensor& x, const Tensor& y) {
    return x.shape() == y.shape() && x.bytes() == y.bytes() &&
           std::memcmp(x.data(), y.data(), x.bytes()) == 0;
  });
}

double relative_error(std::span<const Tensor> expected, std::span<const Tensor> found) {
  double largest = 1e-30;
  double difference = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i].shape() != found[i].shape()) return std::numeric_limits<double>::infinity();
    for (std::int64_t j = 0; j < expected[i].count(); ++j) {
      const double e = expected[i].as<float>()[static_cast<std::size_t>(j)];
      const double f = found[i].as<float>()[static_cast<std::size_t>(j)];
      if (std::isnan(f)) return std::numeric_limits<double>::infinity();
      largest = std::max(largest, std::abs(e));
      difference = std::max(difference, std::abs(e - f));
    }
  }
  return difference / largest;
}

std::string operators_of(const model::Graph& graph) {
  std::string text;
  for (const model::Node& node : graph.nodes) {
    const std::string activation = model::describe(node.activation);
    text += fmt::format("{}{}{}{}", text.empty() ? "" : " ", node.op, activation.empty() ? "" : "+",
                        activation);
  }
  return text;
}

}  // namespace widepipe::testing
