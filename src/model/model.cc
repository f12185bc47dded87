#include "model/model.h"

#include <exception>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "model/external_files.h"
#include "model/onnx_import.h"
#include "model/optimize.h"
#include "model/passes/remove_pass_through.h"
#include "model/shape_inference.h"

namespace widepipe::model {
namespace {

/// The output of a single row may have no axis for it.
Port port_of(std::string name, RowType type, std::size_t batch_axis, bool rowless) {
  Shape& row_shape = type.shape;
  if (!row_shape.empty() && !(rowless && row_shape[0] != 1)) row_shape.erase(row_shape.begin());
  const auto bytes = static_cast<std::size_t>(element_count(row_shape)) * size_of(type.dtype);
  return {.name = std::move(name),
          .dtype = type.dtype,
          .row_shape = std::move(row_shape),
          .bytes_per_row = bytes,
          .batch_axis = batch_axis};
}

RowType row_type(const Value& value) { return {value.dtype, at(value.shape, 1)}; }

std::vector<Port> input_ports(const Graph& graph) {
  std::vector<Port> ports;
  for (const GraphInput& input : graph.inputs) {
    const Value& value = graph.value(input.value);
    ports.push_back(port_of(value.name, row_type(value), input.batch_axis, false));
  }
  return ports;
}

/// Products summed into each element of the node's output; 0 if it does not multiply.
std::int64_t multiply_adds_per_element(const Graph& graph, const Node& node) {
  const auto shape_of = [&](std::size_t i) { return at(graph.value(node.inputs[i]).shape, 1); };
  if (node.op == "Conv") {
    const Shape weights = shape_of(1);
    return element_count(std::span(weights).subspan(1));
  }
  if (node.op == "MatMul") return shape_of(0).back();
  if (node.op == "Gemm") {
    const bool transposed = node.attributes.integer("transB", 0) != 0;
    return shape_of(1)[transposed ? 1 : 0];
  }
  return 0;
}

Declared declared(const Graph& graph) {
  Declared declared;
  for (const GraphInput& input : graph.inputs) {
    const Value& value = graph.value(input.value);
    declared.inputs.push_back({value.name, value.dtype, input.declared});
  }
  for (const GraphOutput& output : graph.outputs) declared.outputs.push_back(output.name);
  return declared;
}

std::string hash_of(std::span<const std::byte> bytes, const ExternalFiles& external) {
  if (external.empty()) return hash_hex(bytes);
  StreamingHash hash;
  hash.update(bytes);
  for (const auto& [name, content] : external) hash.update(content);
  return hash.hex();
}

}  // namespace

std::size_t bytes_per_row(std::span<const Port> ports) {
  return std::accumulate(
      ports.begin(), ports.end(), std::size_t{0},
      [](std::size_t sum, const Port& port) { return sum + port.bytes_per_row; });
}

std::shared_ptr<const Model> Model::from_bytes(std::span<const std::byte> bytes,
                                               std::string_view label,
                                               const ModelOptions& options) {
  std::shared_ptr<Model> model(new Model);
  model->label_ = label;
  model->hash_ = hash_of(bytes, options.external);
  bool asked = false;
  bool refused = false;
  const auto bind = [&](Graph& graph) {
    if (!asked && options.bind) {
      refused = true;  // by what asks for the binding, unless it returns
      model->binding_ = options.bind(declared(graph));
      refused = false;
    }
    asked = true;
    if (model->binding_.one_row_reason.empty()) {
      model->binding_.one_row_reason = model->why_no_graph_;
    }
    bind_inputs(graph, model->binding_);
  };
  const ImportOptions import{.external = options.external, .bind = bind};
  std::exception_ptr failure;
  const auto try_to_build = [&] {
    try {
      model->build(bytes, import);
      failure = nullptr;
      model->why_no_graph_.clear();
    } catch (const InputError& error) {
      if (failure) return;  // the first says what is wrong
      failure = std::current_exception();
      model->why_no_graph_ = error.what();
    }
  };
  try_to_build();
  if (refused) std::rethrow_exception(failure);
  // With an input bound to one row, another try would fail in the same way.
  if (failure && asked && model->binding_.one_row_reason.empty()) {
    model->binding_.one_row_reason = model->why_no_graph_;
    try_to_build();
  }
  if (failure && !options.outputs_elsewhere) std::rethrow_exception(failure);
  if (options.outputs_elsewhere) model->onnx_ = with_external_data(bytes, label, options.external);
  if (failure) model->build_ports(bytes, import, options.outputs_elsewhere);
  return model;
}

/// The ports alone, of a model whose graph only a device can import.
void Model::build_ports(std::span<const std::byte> bytes, const ImportOptions& options,
                        const OutputsElsewhere& outputs_elsewhere) {
  parameter_count_ = 0;
  Graph interface = import_interface(bytes, label_, options);
  choose_outputs(interface, binding_.outputs);
  inputs_ = input_ports(interface);
  std::vector<std::string> names;
  for (const GraphOutput& output : interface.outputs) names.push_back(output.name);
  try {
    std::vector<RowType> types = outputs_elsewhere(*this, names);
    for (std::size_t i = 0; i < names.size(); ++i) {
      outputs_.push_back(port_of(names[i], std::move(types.at(i)), 0, true));
    }
  } catch (const InputError& error) {
    throw_input_error("{}; {}", why_no_graph_, error.what());
  }
  graph_ = {};
}

void Model::build(std::span<const std::byte> bytes, const ImportOptions& options) {
  Graph& graph = graph_;
  graph = import_graph(bytes, label_, options);
  parameter_count_ = 0;
  for (const Value& value : graph.values) {
    if (value.constant != nullptr) parameter_count_ += value.constant->count();
  }
  choose_outputs(graph, binding_.outputs);
  remove_pass_through(graph);  // so that constants are seen behind an Identity
  infer_shapes(graph);
  check_declared_outputs(graph);
  bind_outputs(graph, binding_);
  optimize(graph);
  inputs_ = input_ports(graph);
  for (const GraphOutput& output : graph.outputs) {
    outputs_.push_back(port_of(output.name, row_type(graph.value(output.value)), output.batch_axis,
                               max_batch() == 1));
  }
}

std::int64_t Model::multiply_adds_per_row() const {
  std::int64_t total = 0;
  for (const Node& node : graph_.nodes) {
    const std::int64_t per_element = multiply_adds_per_element(graph_, node);
    if (per_element != 0) {
      total += per_element * element_count(at(graph_.value(node.outputs[0]).shape, 1));
    }
  }
  return total;
}

}  // namespace widepipe::model
