#include "model/evaluate.h"

#include <array>
#include <unordered_map>
#include <utility>

#include "core/aligned_buffer.h"
#include "kernels/registry.h"
#include "model/kernel_case.h"

namespace widepipe::model {

Tensor evaluate_node(const Graph& graph, const Node& node, std::int64_t rows,
                     std::span<const Tensor* const> inputs) {
  const kernels::KernelCase shape_case = kernel_case(graph, node, rows);
  const kernels::Choice choice = kernels::choose_reference(shape_case);
  require_kernel(graph, node, choice);
  kernels::WeightStore weights;
  const auto kernel = choice.entry->create(shape_case, weights);
  Tensor output(shape_case.outputs[0].dtype, shape_case.outputs[0].shape);
  std::vector<const std::byte*> sources;
  for (const Tensor* input : inputs) sources.push_back(input == nullptr ? nullptr : input->data());
  const std::array<std::byte*, 1> targets = {output.data()};
  AlignedBuffer scratch(kernel->scratch_bytes());
  kernel->run({.inputs = sources, .outputs = targets, .scratch = scratch.data()});
  return output;
}

std::vector<Tensor> evaluate(const Graph& graph, std::int64_t rows,
                             std::span<const Tensor> inputs) {
  std::unordered_map<ValueId, const Tensor*> known;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    known[graph.inputs[i].value] = &inputs[i];
  }
  std::unordered_map<ValueId, Tensor> made;
  for (const Node& node : graph.nodes) {
    std::vector<const Tensor*> sources;
    for (const ValueId id : node.inputs) {
      const Tensor* constant = id == kNoValue ? nullptr : graph.value(id).constant.get();
      sources.push_back(id == kNoValue || constant != nullptr ? constant : known.at(id));
    }
    Tensor& output = made[node.outputs[0]];
    output = evaluate_node(graph, node, rows, sources);
    known[node.outputs[0]] = &output;
  }
  std::vector<Tensor> outputs;
  for (const GraphOutput& output : graph.outputs) {
    outputs.push_back(std::move(made.at(output.value)));
  }
  return outputs;
}

}  // namespace widepipe::model
