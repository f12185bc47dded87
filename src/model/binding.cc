#include "model/binding.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/error.h"
#include "model/onnx_constant.h"
#include "model/shape_inference.h"

namespace widepipe::model {
namespace {

std::string input_text(const Graph& graph, const GraphInput& input) {
  return fmt::format("{}: input '{}' {}", graph.label, graph.value(input.value).name,
                     to_string(input.declared));
}

std::string names_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const GraphInput& input : graph.inputs) names.push_back(graph.value(input.value).name);
  return fmt::format("{}", fmt::join(names, ", "));
}

GraphInput& find_input(Graph& graph, const std::string& name) {
  const auto found =
      std::find_if(graph.inputs.begin(), graph.inputs.end(),
                   [&](const GraphInput& input) { return graph.value(input.value).name == name; });
  if (found == graph.inputs.end()) {
    throw_input_error("{}: has no input '{}'; its inputs: {}", graph.label, name, names_of(graph));
  }
  return *found;
}

void bind_constant(Graph& graph, const std::string& name,
                   const std::shared_ptr<const Tensor>& constant) {
  const GraphInput& input = find_input(graph, name);
  Value& value = graph.value(input.value);
  const Shape& shape = constant->shape();
  bool fits = constant->dtype() == value.dtype && shape.size() == input.declared.size();
  for (std::size_t axis = 0; fits && axis < shape.size(); ++axis) {
    fits = !input.declared[axis].size || *input.declared[axis].size == shape[axis];
  }
  if (!fits) {
    throw_input_error("{}: expected a constant of {}, found {}{}", input_text(graph, input),
                      name_of(value.dtype), name_of(constant->dtype()), widepipe::to_string(shape));
  }
  Value bound = constant_value(constant);
  bound.name = name;
  value = std::move(bound);
  std::erase_if(graph.inputs, [&](const GraphInput& other) { return &other == &input; });
}

/// The name of the batch: that of the first open axis 0.
std::string batch_name(const Graph& graph) {
  for (const GraphInput& input : graph.inputs) {
    if (!input.declared.empty() && !input.declared[0].size && !input.declared[0].name.empty()) {
      return input.declared[0].name;
    }
  }
  return "";
}

std::size_t batch_axis(const Graph& graph, const GraphInput& input, const Binding& binding,
                       const std::string& batch) {
  const std::size_t rank = input.declared.size();
  const std::string& name = graph.value(input.value).name;
  if (const auto chosen = binding.batch_axes.find(name); chosen != binding.batch_axes.end()) {
    if (chosen->second < 0 || chosen->second >= static_cast<std::int64_t>(rank)) {
      throw_input_error("{}: batch axis {} is outside its {} axes", input_text(graph, input),
                        chosen->second, rank);
    }
    return static_cast<std::size_t>(chosen->second);
  }
  if (rank == 0) {
    throw_input_error("{}: is a scalar: give it a constant value", input_text(graph, input));
  }
  const auto named = std::find_if(
      input.declared.begin(), input.declared.end(),
      [&](const DeclaredDim& dim) { return !dim.size && !batch.empty() && dim.name == batch; });
  if (named != input.declared.end()) {
    return static_cast<std::size_t>(named - input.declared.begin());
  }
  return 0;
}

/// What open dimensions of a name came to, and at which input.
using NamedSizes = std::map<std::string, std::pair<std::int64_t, std::string>>;

/// The input's shape as the graph has it, the batch where it is.
SymShape bound_shape(const Graph& graph, const GraphInput& input, std::size_t batch,
                     const Binding& binding, NamedSizes& sizes) {
  const std::string& name = graph.value(input.value).name;
  const auto row = binding.row_shapes.find(name);
  const bool has_row = row != binding.row_shapes.end();
  if (has_row && row->second.size() + 1 != input.declared.size()) {
    throw_input_error("{}: expected rows of {} axes, found rows of shape {}",
                      input_text(graph, input), input.declared.size() - 1,
                      widepipe::to_string(row->second));
  }
  SymShape shape;
  for (std::size_t axis = 0; axis < input.declared.size(); ++axis) {
    const DeclaredDim& dim = input.declared[axis];
    if (axis == batch) {
      if (dim.size && *dim.size != 1) {
        throw_input_error(
            "{}: the batch axis is fixed at {}; export the model with a symbolic axis {}",
            input_text(graph, input), *dim.size, axis);
      }
      shape.push_back(binding.one_row_reason.empty() ? kBatch : Dim{.fixed = 1});
      continue;
    }
    std::optional<std::int64_t> size = dim.size;
    if (!size && has_row) {
      size = row->second[axis < batch ? axis : axis - 1];
      const auto [known, is_new] = sizes.try_emplace(dim.name, *size, name);
      if (!is_new && !dim.name.empty() && known->second.first != *size) {
        throw_input_error("{}: axis {} ('{}') is {}, but input '{}' has {} there",
                          input_text(graph, input), axis, dim.name, *size, known->second.second,
                          known->second.first);
      }
    }
    if (!size) {
      throw_input_error("{}: axis {} is not a fixed size: give the shape of a row",
                        input_text(graph, input), axis);
    }
    if (*size < 1) {
      throw_input_error("{}: axis {} has size {}", input_text(graph, input), axis, *size);
    }
    shape.push_back({.fixed = *size});
  }
  return shape;
}

/// A node of ours, which no model has.
Node made_node(const Graph& graph, std::string op, std::vector<ValueId> inputs, ValueId output) {
  Node node;
  node.name = fmt::format("{} of {}", op, graph.value(output).name);
  node.op = std::move(op);
  node.index = static_cast<int>(graph.nodes.size());
  node.version = 13;
  node.inputs = std::move(inputs);
  node.outputs = {output};
  return node;
}

/// The order of axes that moves one to the front, or the front to it.
std::vector<std::int64_t> moved_axis(std::size_t rank, std::size_t from, std::size_t to) {
  std::vector<std::int64_t> order;
  for (std::size_t axis = 0; axis < rank; ++axis) order.push_back(static_cast<std::int64_t>(axis));
  const auto moved = order[from];
  order.erase(order.begin() + static_cast<std::ptrdiff_t>(from));
  order.insert(order.begin() + static_cast<std::ptrdiff_t>(to), moved);
  return order;
}

/// Makes the rows' axis the first of the input, and the value that the graph reads its transpose.
void bring_to_front(Graph& graph, GraphInput& input, std::size_t batch) {
  const ValueId read = input.value;
  Value rows_first = graph.value(read);
  const auto axis = rows_first.shape.begin() + static_cast<std::ptrdiff_t>(batch);
  std::rotate(rows_first.shape.begin(), axis, axis + 1);
  input.value = graph.add_value(std::move(rows_first));
  Node node = made_node(graph, "Transpose", {input.value}, read);
  node.attributes.set("perm", moved_axis(input.declared.size(), 0, batch));
  graph.nodes.insert(graph.nodes.begin(), std::move(node));
}

bool fits(const DeclaredShape& declared, const SymShape& inferred, bool batch_of_one) {
  if (declared.size() != inferred.size()) return false;
  for (std::size_t i = 0; i < declared.size(); ++i) {
    if (!declared[i].size) continue;
    const std::int64_t size = batch_of_one ? inferred[i].at(1) : inferred[i].fixed;
    if ((!batch_of_one && !inferred[i].is_fixed()) || *declared[i].size != size) return false;
  }
  return true;
}

/// Appends a node that makes the output's next form, and infers its type.
void append(Graph& graph, GraphOutput& output, Node node, const SymShape& shape) {
  node.outputs[0] = graph.add_value(
      {.name = output.name, .dtype = graph.value(output.value).dtype, .shape = shape});
  output.value = node.outputs[0];
  graph.nodes.push_back(std::move(node));
  infer_node(graph, graph.nodes.back());
}

void bring_to_front(Graph& graph, GraphOutput& output, std::size_t batch) {
  SymShape shape = graph.value(output.value).shape;
  const auto axis = shape.begin() + static_cast<std::ptrdiff_t>(batch);
  std::rotate(shape.begin(), axis, axis + 1);
  Node node = made_node(graph, "Transpose", {output.value}, output.value);
  node.attributes.set("perm", moved_axis(shape.size(), batch, 0));
  append(graph, output, std::move(node), shape);
}

/// [kN, ...] becomes [N, k, ...].
void split_rows(Graph& graph, GraphOutput& output) {
  SymShape shape = graph.value(output.value).shape;
  const std::int64_t per_row = shape[0].per_row;
  shape[0] = kBatch;
  shape.insert(shape.begin() + 1, {.fixed = per_row});
  Value target{.name = output.name + " (shape)",
               .dtype = DType::kI64,
               .shape = {{.fixed = static_cast<std::int64_t>(shape.size())}}};
  target.contents = shape;
  const ValueId asked = graph.add_value(std::move(target));
  append(graph, output, made_node(graph, "Reshape", {output.value, asked}, output.value), shape);
}

}  // namespace

void bind_inputs(Graph& graph, const Binding& binding) {
  for (const auto& [name, constant] : binding.constants) bind_constant(graph, name, constant);
  if (graph.inputs.empty()) {
    throw_input_error("{}: all inputs are constants: none is left for the rows", graph.label);
  }
  for (const auto& [name, shape] : binding.row_shapes) find_input(graph, name);
  for (const auto& [name, axis] : binding.batch_axes) find_input(graph, name);
  const std::string batch = batch_name(graph);
  NamedSizes sizes;
  for (GraphInput& input : graph.inputs) {
    const std::size_t axis = batch_axis(graph, input, binding, batch);
    graph.value(input.value).shape = bound_shape(graph, input, axis, binding, sizes);
    input.batch_axis = axis;
    if (axis != 0) bring_to_front(graph, input, axis);
  }
}

void bind_fixed(Graph& graph) {
  for (const GraphInput& input : graph.inputs) {
    SymShape shape;
    for (std::size_t axis = 0; axis < input.declared.size(); ++axis) {
      const DeclaredDim& dim = input.declared[axis];
      if (!dim.size || *dim.size < 0) {
        throw_input_error("{}: axis {} is not a fixed size", input_text(graph, input), axis);
      }
      shape.push_back({.fixed = *dim.size});
    }
    graph.value(input.value).shape = std::move(shape);
  }
}

void choose_outputs(Graph& graph, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::vector<GraphOutput> chosen;
  for (const std::string& name : names) {
    const auto found = std::find_if(graph.outputs.begin(), graph.outputs.end(),
                                    [&](const GraphOutput& output) { return output.name == name; });
    if (found == graph.outputs.end()) {
      std::vector<std::string> known;
      for (const GraphOutput& output : graph.outputs) known.push_back(output.name);
      throw_input_error("{}: has no output '{}'; its outputs: {}", graph.label, name,
                        fmt::join(known, ", "));
    }
    chosen.push_back(*found);
  }
  graph.outputs = std::move(chosen);
}

void check_declared_outputs(const Graph& graph) {
  // A model exported for one row may say 1 where we have N.
  const bool batch_of_one =
      std::any_of(graph.inputs.begin(), graph.inputs.end(), [](const GraphInput& input) {
        return !input.declared.empty() && input.declared[0].size == 1;
      });
  for (const GraphOutput& output : graph.outputs) {
    const Value& value = graph.value(output.value);
    if (output.declared && !fits(*output.declared, value.shape, batch_of_one)) {
      throw_input_error("{}: output '{}' is declared as {}, but the graph makes {}", graph.label,
                        output.name, to_string(*output.declared), to_string(value.shape));
    }
    if (output.declared_dtype != DType::kUndefined && output.declared_dtype != value.dtype) {
      throw_input_error("{}: output '{}' is declared as {}, but the graph makes {}", graph.label,
                        output.name, name_of(output.declared_dtype), name_of(value.dtype));
    }
  }
}

void bind_outputs(Graph& graph, const Binding& binding) {
  if (!binding.one_row_reason.empty()) return;
  for (GraphOutput& output : graph.outputs) {
    const SymShape& shape = graph.value(output.value).shape;
    const auto rows =
        std::find_if(shape.begin(), shape.end(), [](const Dim& dim) { return !dim.is_fixed(); });
    if (rows == shape.end()) {
      throw_input_error("{}: output '{}' {} does not carry the batch N", graph.label, output.name,
                        to_string(shape));
    }
    output.batch_axis = static_cast<std::size_t>(rows - shape.begin());
    if (output.batch_axis != 0) bring_to_front(graph, output, output.batch_axis);
    if (graph.value(output.value).shape[0].per_row != 1) split_rows(graph, output);
  }
}

}  // namespace widepipe::model
