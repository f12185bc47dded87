#include "model/kernel_case.h"

#include <fmt/format.h>

#include "core/error.h"

namespace widepipe::model {
namespace {

kernels::TensorDesc tensor_desc(const Graph& graph, ValueId id, std::int64_t rows) {
  if (id == kNoValue) return {};
  const Value& value = graph.value(id);
  return {.dtype = value.dtype, .shape = at(value.shape, rows)};
}

}  // namespace

kernels::KernelCase kernel_case(const Graph& graph, const Node& node, std::int64_t rows,
                                KnownValues& known) {
  kernels::KernelCase result;
  result.op = node.op;
  result.version = node.version;
  result.attributes = &node.attributes;
  result.activation = node.activation;
  for (const ValueId id : node.inputs) {
    result.inputs.push_back(tensor_desc(graph, id, rows));
    result.constants.push_back(known.tensor(id));
  }
  for (const ValueId id : node.outputs) result.outputs.push_back(tensor_desc(graph, id, rows));
  return result;
}

void require_kernel(const Graph& graph, const Node& node, const kernels::Choice& choice) {
  if (choice.entry != nullptr) return;
  std::string reasons;
  for (const kernels::Decline& decline : choice.declined) {
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", decline.kernel, decline.reason);
  }
  throw_input_error("{}: {}, operator {}: no kernel can compute it ({})", graph.label,
                    describe(node), node.op, reasons);
}

std::string describe(const kernels::Activation& activation) {
  switch (activation.kind) {
    case kernels::Activation::Kind::kRelu:
      return "relu";
    case kernels::Activation::Kind::kClip:
      return fmt::format("clip({}, {})", activation.lo, activation.hi);
    case kernels::Activation::Kind::kNone:
      break;
  }
  return "";
}

}  // namespace widepipe::model
