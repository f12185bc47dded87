#include "model/evaluate.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/aligned_buffer.h"
#include "kernels/registry.h"
#include "model/kernel_case.h"

namespace widepipe::model {

std::vector<Tensor> evaluate_node(const Graph& graph, const Node& node, std::int64_t rows,
                                  KnownValues& known, std::span<const Tensor* const> inputs) {
  const kernels::KernelCase node_case = kernel_case(graph, node, rows, known);
  const kernels::Choice choice = kernels::choose_reference(node_case);
  require_kernel(graph, node, choice);
  kernels::WeightStore weights;
  const auto kernel = choice.entry->create(node_case, weights);
  std::vector<Tensor> outputs;
  std::vector<std::byte*> targets;
  for (const kernels::TensorDesc& desc : node_case.outputs) {
    outputs.push_back(desc.present() ? Tensor(desc.dtype, desc.shape) : Tensor());
    targets.push_back(outputs.back().data());
  }
  std::vector<const std::byte*> sources;
  for (const Tensor* input : inputs) sources.push_back(input == nullptr ? nullptr : input->data());
  AlignedBuffer scratch(kernel->scratch_bytes());
  kernel->run({.inputs = sources, .outputs = targets, .scratch = scratch.data()});
  return outputs;
}

std::vector<Tensor> evaluate(const Graph& graph, std::int64_t rows,
                             std::span<const Tensor> inputs) {
  KnownValues known(graph, rows);
  std::unordered_map<ValueId, const Tensor*> given;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    given[graph.inputs[i].value] = &inputs[i];
  }
  std::unordered_map<ValueId, Tensor> made;
  const auto source = [&](ValueId id) -> const Tensor* {
    if (id == kNoValue || graph.value(id).known()) return known.tensor(id);
    const auto input = given.find(id);
    return input != given.end() ? input->second : &made.at(id);
  };
  for (const Node& node : graph.nodes) {
    std::vector<const Tensor*> sources;
    std::transform(node.inputs.begin(), node.inputs.end(), std::back_inserter(sources), source);
    std::vector<Tensor> outputs = evaluate_node(graph, node, rows, known, sources);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (node.outputs[i] != kNoValue) made[node.outputs[i]] = std::move(outputs[i]);
    }
  }
  std::vector<Tensor> outputs;
  for (const GraphOutput& output : graph.outputs) {
    outputs.push_back(std::move(made.at(output.value)));
  }
  return outputs;
}

}  // namespace widepipe::model
