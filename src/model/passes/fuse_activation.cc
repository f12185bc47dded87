#include "model/passes/fuse_activation.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>

namespace widepipe::model {
namespace {

/// Operators whose kernels all clamp what they store.
constexpr auto kHosts = std::to_array<std::string_view>(
    {"Add", "BatchNormalization", "Conv", "ConvTranspose", "Gemm", "MatMul"});

using Activation = kernels::Activation;

/// Input `i` of a Clip: `absent` if it is left out, nothing if it is not a constant.
std::optional<float> limit(const Graph& graph, const Node& clip, std::size_t i, float absent) {
  if (!has_input(clip, i)) return absent;
  const auto& constant = graph.value(clip.inputs[i]).constant;
  if (constant == nullptr) return std::nullopt;
  return constant->as<float>()[0];
}

/// The node as an activation, if it is one.
std::optional<Activation> as_activation(const Graph& graph, const Node& node) {
  if (node.op == "Relu") return Activation{.kind = Activation::Kind::kRelu};
  if (node.op != "Clip" || graph.value(node.outputs[0]).dtype != DType::kF32) return std::nullopt;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // Up to version 10 the limits are attributes.
  const bool old = node.version < 11;
  const auto lo = old ? node.attributes.real("min", -kInfinity) : limit(graph, node, 1, -kInfinity);
  const auto hi = old ? node.attributes.real("max", kInfinity) : limit(graph, node, 2, kInfinity);
  if (!lo || !hi) return std::nullopt;
  return Activation{.kind = Activation::Kind::kClip, .lo = *lo, .hi = *hi};
}

bool is_host(const Graph& graph, const Node& node) {
  return std::find(kHosts.begin(), kHosts.end(), node.op) != kHosts.end() &&
         node.activation.none() && graph.value(node.outputs[0]).dtype == DType::kF32;
}

}  // namespace

bool fuse_activation(Graph& graph) {
  bool changed = false;
  for (std::size_t i = 0; i < graph.nodes.size();) {
    const Node& node = graph.nodes[i];
    const auto activation = as_activation(graph, node);
    Node* host = activation ? graph.private_producer(node.inputs[0], node) : nullptr;
    if (host != nullptr && is_host(graph, *host)) {
      host->activation = *activation;
      host->outputs = node.outputs;
      graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(i));
      changed = true;
    } else {
      ++i;
    }
  }
  return changed;
}

}  // namespace widepipe::model
