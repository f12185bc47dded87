#include "model/shape_inference.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/cpu.h"
#include "core/error.h"
#include "core/units.h"
#include "model/evaluate.h"
#include "model/known_values.h"
#include "model/onnx_constant.h"
#include "model/operators.h"

namespace widepipe::model {
namespace {

void require_rows_apart(const SymShape& shape) {
  const bool mixed = std::any_of(shape.begin(), shape.end(),
                                 [](const Dim& dim) { return !dim.is_fixed() && dim.fixed != 0; });
  if (mixed) {
    throw_input_error("the output {} holds more than the rows of the batch N on one axis",
                      to_string(shape));
  }
  product(shape);  // throws if rows are on two axes, or the elements cannot be counted
}

/// A model may ask for any size; one that no machine has is refused before it is allocated.
void require_memory(const ValueType& type) {
  const Shape row = at(type.shape, 1);
  const double bytes =
      static_cast<double>(element_count(row)) * static_cast<double>(size_of(type.dtype));
  const auto memory = static_cast<double>(memory_bytes());
  if (bytes <= memory) return;
  throw_input_error("makes {}{}: {}, more than the {} of this machine's memory",
                    name_of(type.dtype), widepipe::to_string(row), bytes_text(bytes),
                    bytes_text(memory));
}

/// The elements of the node's outputs, if all inputs are constants.
void compute_constants(Graph& graph, const Node& node) {
  std::vector<const Tensor*> inputs;
  for (const ValueId id : node.inputs) {
    inputs.push_back(id == kNoValue ? nullptr : graph.value(id).constant.get());
    if (id != kNoValue && inputs.back() == nullptr) return;
  }
  const bool wanted = std::none_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
    return id != kNoValue && (graph.is_output(id) || graph.value(id).known());
  });
  if (!wanted) return;
  KnownValues known(graph, 1);
  std::vector<Tensor> outputs = evaluate_node(graph, node, 1, known, inputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (node.outputs[i] == kNoValue) continue;
    graph.value(node.outputs[i]).constant = std::make_shared<const Tensor>(std::move(outputs[i]));
  }
}

/// The elements of output 0, if they follow from shapes.
void keep_known(Graph& graph, const Node& node, const ValueType& type) {
  Value& output = graph.value(node.outputs[0]);
  if (output.known() || graph.is_output(node.outputs[0])) return;
  auto contents = known_result({graph, node}, type);
  if (!contents) return;
  output.contents = std::move(contents);
  if (!is_fixed(*output.contents)) return;
  output.constant = std::make_shared<const Tensor>(materialized(output, 1));
  output.contents.reset();
}

void infer(Graph& graph, const Node& node) {
  const Operator& op = *find_operator(node.op);
  const ValueTypes types = op.infer({graph, node});
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueId id = node.outputs[i];
    if (id == kNoValue) continue;
    if (i >= types.size()) {
      throw_input_error(
          "output {} '{}' is used, but only {} supported", i, graph.value(id).name,
          types.size() == 1 ? "output 0 is" : fmt::format("outputs 0 to {} are", types.size() - 1));
    }
    require_rows_apart(types[i].shape);
    require_memory(types[i]);
    graph.value(id).dtype = types[i].dtype;
    graph.value(id).shape = types[i].shape;
  }
  if (node.outputs[0] != kNoValue) keep_known(graph, node, types[0]);
  compute_constants(graph, node);
}

}  // namespace

void infer_node(Graph& graph, const Node& node) {
  try {
    infer(graph, node);
  } catch (const InputError& error) {
    throw_input_error("{}: {}, operator {}: {}", graph.label, describe(node), node.op,
                      error.what());
  }
}

void infer_shapes(Graph& graph) {
  for (const Node& node : graph.nodes) infer_node(graph, node);
}

}  // namespace widepipe::model
