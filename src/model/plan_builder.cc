#include "model/plan_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "model/kernel_case.h"

namespace widepipe::model {
namespace {

using kernels::KernelCase;
using kernels::Layout;

bool keeps_elements(const Node& node) {
  constexpr auto kViews =
      std::to_array<std::string_view>({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"});
  return node.activation.none() && std::find(kViews.begin(), kViews.end(), node.op) != kViews.end();
}

/// A change of layout of a value, as a node that no model has.
Node reorder_node(const Graph& graph, ValueId id) {
  Node node;
  node.name = fmt::format("reorder of {}", graph.value(id).name);
  node.op = "Reorder";
  node.inputs = {id};
  node.outputs = {id};
  return node;
}

}  // namespace

PlanBuilder::PlanBuilder(const Graph& graph, kernels::WeightStore& weights, std::int64_t rows,
                         int threads, NanRule nan)
    : graph_(graph),
      weights_(weights),
      rows_(rows),
      threads_(threads),
      nan_(nan),
      stored_(graph.values.size()) {
  prepared_.known = std::make_unique<KnownValues>(graph, rows);
}

PreparedSteps PlanBuilder::build() && {
  store_given_values();
  for (const Node& node : graph_.nodes) {
    if (!keeps_elements(node) || !add_alias(node)) add_node(node);
  }
  place_in_arena();
  resolve_pointers();
  return std::move(prepared_);
}

PlanBuilder::BufferId PlanBuilder::add_buffer(Buffer buffer) {
  buffers_.push_back(buffer);
  return buffers_.size() - 1;
}

std::optional<std::size_t> PlanBuilder::output_port(ValueId id) const {
  for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
    if (graph_.outputs[i].value == id) return i;
  }
  return std::nullopt;
}

void PlanBuilder::store_given_values() {
  for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
    const BufferId buffer = add_buffer({.place = Buffer::Place::kInput, .port = i});
    stored(graph_.inputs[i].value).push_back({buffer, Layout::kPlain});
  }
  for (std::size_t i = 0; i < graph_.values.size(); ++i) {
    const Tensor* known = prepared_.known->tensor(static_cast<ValueId>(i));
    if (known == nullptr) continue;
    const BufferId buffer =
        add_buffer({.place = Buffer::Place::kConstant, .constant = known->data()});
    stored_[i].push_back({buffer, Layout::kPlain});
  }
}

void PlanBuilder::add_node(const Node& node) {
  KernelCase node_case = kernel_case(graph_, node, rows_, *prepared_.known);
  node_case.threads = threads_;
  node_case.keep_nan = nan_ == NanRule::kKept;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (has_input(node, i)) node_case.inputs[i].layout = stored(node.inputs[i]).front().layout;
  }
  kernels::Choice choice = kernels::choose(node_case);
  require_kernel(graph_, node, choice);

  StepBuffers buffers;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    node_case.inputs[i].layout = choice.support.input(i);
    buffers.inputs.push_back(has_input(node, i)
                                 ? std::optional(stored_as(node.inputs[i], choice.support.input(i)))
                                 : std::nullopt);
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueId output = node.outputs[i];
    buffers.outputs.emplace_back();
    if (output == kNoValue) continue;
    node_case.outputs[i].layout = choice.support.output(i);
    buffers.outputs[i] = target(output, node_case.outputs[i]);
    stored(output).push_back({*buffers.outputs[i], node_case.outputs[i].layout});
  }
  add_step({.node = node.name.empty() ? describe(node) : node.name,
            .op = node.op,
            .kernel = std::string(choice.entry->name),
            .activation = describe(node.activation),
            .declined = std::move(choice.declined)},
           choice.entry->create(node_case, weights_), std::move(buffers));
  for (const ValueId output : node.outputs) {
    if (output != kNoValue && output_port(output)) stored_as(output, Layout::kPlain);
  }
}

bool PlanBuilder::add_alias(const Node& node) {
  const BufferId buffer = stored_as(node.inputs[0], Layout::kPlain);
  if (const auto port = output_port(node.outputs[0])) {
    // Whoever made the value then writes straight into the caller's buffer.
    if (buffers_[buffer].place != Buffer::Place::kArena) return false;
    buffers_[buffer].place = Buffer::Place::kOutput;
    buffers_[buffer].port = *port;
  }
  stored(node.outputs[0]).push_back({buffer, Layout::kPlain});
  return true;
}

PlanBuilder::BufferId PlanBuilder::target(ValueId id, const kernels::TensorDesc& desc) {
  const auto port = output_port(id);
  if (port && desc.layout == Layout::kPlain) {
    return add_buffer({.place = Buffer::Place::kOutput, .port = *port});
  }
  const std::size_t step = prepared_.steps.size();
  return add_buffer({.lifetime = {.bytes = desc.bytes(), .first = step, .last = step}});
}

PlanBuilder::BufferId PlanBuilder::stored_as(ValueId id, Layout layout) {
  for (const Stored& form : stored(id)) {
    if (form.layout == layout) return form.buffer;
  }
  const BufferId buffer = graph_.value(id).known() ? reorder_constant(id, layout)
                                                   : reorder(id, stored(id).front(), layout);
  stored(id).push_back({buffer, layout});
  return buffer;
}

PlanBuilder::BufferId PlanBuilder::reorder(ValueId id, const Stored& from, Layout layout) {
  const Node node = reorder_node(graph_, id);
  KernelCase reorder_case = kernel_case(graph_, node, rows_, *prepared_.known);
  reorder_case.threads = threads_;
  reorder_case.inputs[0].layout = from.layout;
  reorder_case.outputs[0].layout = layout;
  kernels::Choice choice = kernels::choose(reorder_case);
  require_kernel(graph_, node, choice);
  const BufferId buffer = target(id, reorder_case.outputs[0]);
  add_step({.node = node.name,
            .op = node.op,
            .kernel = std::string(choice.entry->name),
            .activation = "",
            .declined = std::move(choice.declined)},
           choice.entry->create(reorder_case, weights_),
           {.inputs = {from.buffer}, .outputs = {buffer}, .scratch = std::nullopt});
  return buffer;
}

PlanBuilder::BufferId PlanBuilder::reorder_constant(ValueId id, Layout layout) {
  const Node node = reorder_node(graph_, id);
  KernelCase reorder_case = kernel_case(graph_, node, rows_, *prepared_.known);
  reorder_case.outputs[0].layout = layout;
  const kernels::Choice choice = kernels::choose(reorder_case);
  require_kernel(graph_, node, choice);
  const Tensor& constant = *prepared_.known->tensor(id);
  auto packed = weights_.get(&constant, fmt::format("layout {}", kernels::name_of(layout)), [&] {
    const auto kernel = choice.entry->create(reorder_case, weights_);
    AlignedBuffer buffer(reorder_case.outputs[0].bytes());
    AlignedBuffer scratch(kernel->scratch_bytes());
    const std::array<const std::byte*, 1> inputs = {constant.data()};
    const std::array<std::byte*, 1> outputs = {buffer.data()};
    kernel->run({.inputs = inputs, .outputs = outputs, .scratch = scratch.data()});
    return buffer;
  });
  const BufferId buffer =
      add_buffer({.place = Buffer::Place::kConstant, .constant = packed->data()});
  prepared_.constants.push_back(std::move(packed));
  return buffer;
}

void PlanBuilder::add_step(StepInfo info, std::unique_ptr<kernels::Kernel> kernel,
                           StepBuffers buffers) {
  const std::size_t step = prepared_.steps.size();
  for (const auto& input : buffers.inputs) {
    if (input) buffers_[*input].lifetime.last = step;
  }
  if (kernel->scratch_bytes() != 0) {
    buffers.scratch =
        add_buffer({.lifetime = {.bytes = kernel->scratch_bytes(), .first = step, .last = step}});
  }
  prepared_.steps.push_back({.info = std::move(info), .kernel = std::move(kernel)});
  step_buffers_.push_back(std::move(buffers));
}

void PlanBuilder::place_in_arena() {
  std::vector<Lifetime> lifetimes;
  std::vector<BufferId> in_arena;
  for (BufferId id = 0; id < buffers_.size(); ++id) {
    if (buffers_[id].place != Buffer::Place::kArena) continue;
    in_arena.push_back(id);
    lifetimes.push_back(buffers_[id].lifetime);
  }
  const MemoryPlan plan = plan_memory(lifetimes);
  for (std::size_t i = 0; i < in_arena.size(); ++i) buffers_[in_arena[i]].offset = plan.offsets[i];
  prepared_.arena = AlignedBuffer(plan.bytes);
}

void PlanBuilder::resolve_pointers() {
  std::byte* arena = prepared_.arena.data();
  for (std::size_t i = 0; i < prepared_.steps.size(); ++i) {
    Step& step = prepared_.steps[i];
    const StepBuffers& buffers = step_buffers_[i];
    step.inputs.assign(buffers.inputs.size(), nullptr);
    for (std::size_t j = 0; j < step.inputs.size(); ++j) {
      if (!buffers.inputs[j]) continue;
      const Buffer& buffer = buffers_[*buffers.inputs[j]];
      switch (buffer.place) {
        case Buffer::Place::kArena:
          step.inputs[j] = arena + buffer.offset;
          break;
        case Buffer::Place::kConstant:
          step.inputs[j] = buffer.constant;
          break;
        case Buffer::Place::kInput:
          prepared_.read_inputs.push_back({&step.inputs[j], buffer.port});
          break;
        case Buffer::Place::kOutput:
          prepared_.read_outputs.push_back({&step.inputs[j], buffer.port});
          break;
      }
    }
    step.outputs.assign(buffers.outputs.size(), nullptr);
    for (std::size_t j = 0; j < step.outputs.size(); ++j) {
      if (!buffers.outputs[j]) continue;
      const Buffer& output = buffers_[*buffers.outputs[j]];
      if (output.place == Buffer::Place::kArena) {
        step.outputs[j] = arena + output.offset;
      } else {
        prepared_.written_outputs.push_back({&step.outputs[j], output.port});
      }
    }
    if (buffers.scratch) step.scratch = arena + buffers_[*buffers.scratch].offset;
  }
}

}  // namespace widepipe::model
