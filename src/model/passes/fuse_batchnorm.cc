#include "model/passes/fuse_batchnorm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "model/onnx_constant.h"

namespace widepipe::model {
namespace {

/// The elements of a node's input, if it is an f32 constant.
const Tensor* f32_constant(const Graph& graph, const Node& node, std::size_t i) {
  if (!has_input(node, i)) return nullptr;
  const Tensor* constant = graph.value(node.inputs[i]).constant.get();
  return constant != nullptr && constant->dtype() == DType::kF32 ? constant : nullptr;
}

/// A BatchNormalization's parameters scale, B, mean and var; the first is null if it has others.
std::array<const Tensor*, 4> parameters(const Graph& graph, const Node& norm) {
  std::array<const Tensor*, 4> result{};
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = f32_constant(graph, norm, i + 1);
    if (result[i] == nullptr) return {};
  }
  return result;
}

/// How the weights of a Conv or ConvTranspose lie: in groups of pieces of `taps` weights, in which
/// the group's output channels come round again and again.
struct WeightOrder {
  std::size_t channels;  ///< of the output
  std::size_t taps;
  std::size_t group_channels;
  std::size_t group_pieces;

  std::size_t channel_of(std::size_t piece) const {
    return piece / group_pieces * group_channels + piece % group_channels;
  }
};

WeightOrder weight_order(const Node& conv, const Shape& w) {
  const auto first = static_cast<std::size_t>(w[0]);
  const auto second = static_cast<std::size_t>(w[1]);
  const auto count = static_cast<std::size_t>(element_count(w));
  if (conv.op == "Conv") return {first, count / first, first, first};
  const auto groups = static_cast<std::size_t>(conv.attributes.integer("group", 1));
  return {second * groups, count / (first * second), second, first / groups * second};
}

bool fuse(Graph& graph, Node& conv, const Node& norm) {
  const auto [scale, shift, mean, variance] = parameters(graph, norm);
  const Tensor* weights = f32_constant(graph, conv, 1);
  const Tensor* bias = f32_constant(graph, conv, 2);
  if (scale == nullptr || weights == nullptr || (bias == nullptr && has_input(conv, 2))) {
    return false;
  }
  const double epsilon = norm.attributes.real("epsilon", 1e-5F);
  const WeightOrder order = weight_order(conv, weights->shape());
  auto new_weights = std::make_shared<Tensor>(DType::kF32, weights->shape());
  auto new_bias =
      std::make_shared<Tensor>(DType::kF32, Shape{static_cast<std::int64_t>(order.channels)});
  std::vector<double> factors;
  for (std::size_t c = 0; c < order.channels; ++c) {
    factors.push_back(scale->as<float>()[c] / std::sqrt(variance->as<float>()[c] + epsilon));
    const double old_bias = bias == nullptr ? 0.0 : bias->as<float>()[c];
    new_bias->as<float>()[c] =
        static_cast<float>((old_bias - mean->as<float>()[c]) * factors[c] + shift->as<float>()[c]);
  }
  const auto from = weights->as<float>();
  const auto to = new_weights->as<float>();
  for (std::size_t piece = 0; piece * order.taps < from.size(); ++piece) {
    const double factor = factors[order.channel_of(piece)];
    for (std::size_t i = piece * order.taps; i < (piece + 1) * order.taps; ++i) {
      to[i] = static_cast<float>(from[i] * factor);
    }
  }
  const auto add_constant = [&](const std::string& name, std::shared_ptr<const Tensor> tensor) {
    Value value = constant_value(std::move(tensor));
    value.name = name;
    return graph.add_value(std::move(value));
  };
  conv.inputs.resize(3, kNoValue);
  conv.inputs[1] = add_constant(graph.value(conv.inputs[1]).name + " (normalized)", new_weights);
  conv.inputs[2] = add_constant(conv.name + " bias (normalized)", new_bias);
  conv.outputs = norm.outputs;
  return true;
}

}  // namespace

bool fuse_batchnorm(Graph& graph) {
  bool changed = false;
  for (std::size_t i = 0; i < graph.nodes.size();) {
    Node& norm = graph.nodes[i];
    Node* conv =
        norm.op == "BatchNormalization" ? graph.private_producer(norm.inputs[0], norm) : nullptr;
    if (conv != nullptr && (conv->op == "Conv" || conv->op == "ConvTranspose") &&
        conv->activation.none() && norm.activation.none() && fuse(graph, *conv, norm)) {
      graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(i));
      changed = true;
    } else {
      ++i;
    }
  }
  return changed;
}

}  // namespace widepipe::model
