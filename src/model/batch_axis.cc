#include "model/batch_axis.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace widepipe::model {
namespace {

Dim declared_size(const Graph& graph, const GraphInput& input, std::size_t axis,
                  std::int64_t least) {
  const DeclaredDim& dim = input.declared[axis];
  const std::string& name = graph.value(input.value).name;
  if (!dim.size) {
    throw_input_error("{}: input '{}' {}: axis {} is not a fixed size", graph.label, name,
                      to_string(input.declared), axis);
  }
  if (*dim.size < least) {
    throw_input_error("{}: input '{}' {}: axis {} has size {}", graph.label, name,
                      to_string(input.declared), axis, *dim.size);
  }
  return {.fixed = *dim.size};
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

}  // namespace

void bind_batch(Graph& graph) {
  for (const GraphInput& input : graph.inputs) {
    Value& value = graph.value(input.value);
    if (input.declared.empty()) {
      throw_input_error("{}: input '{}' is a scalar: expected the batch on axis 0", graph.label,
                        value.name);
    }
    const auto& batch = input.declared[0].size;
    if (batch && *batch != 1) {
      throw_input_error(
          "{}: input '{}' {}: the batch axis is fixed at {}; export the model with a symbolic "
          "axis 0",
          graph.label, value.name, to_string(input.declared), *batch);
    }
    value.shape = {kBatch};
    for (std::size_t axis = 1; axis < input.declared.size(); ++axis) {
      value.shape.push_back(declared_size(graph, input, axis, 1));
    }
  }
}

void bind_fixed(Graph& graph) {
  for (const GraphInput& input : graph.inputs) {
    SymShape shape;
    for (std::size_t axis = 0; axis < input.declared.size(); ++axis) {
      shape.push_back(declared_size(graph, input, axis, 0));
    }
    graph.value(input.value).shape = std::move(shape);
  }
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

void check_batch_outputs(const Graph& graph) {
  for (const GraphOutput& output : graph.outputs) {
    const SymShape& shape = graph.value(output.value).shape;
    if (shape.empty() || shape[0] != kBatch) {
      throw_input_error("{}: output '{}' {} does not carry the batch N on axis 0", graph.label,
                        output.name, to_string(shape));
    }
  }
}

}  // namespace widepipe::model
