#include "model/plan.h"

#include <utility>

#include "core/error.h"
#include "model/plan_builder.h"

namespace widepipe::model {

struct Plan::Impl {
  std::shared_ptr<const Model> model;
  std::shared_ptr<kernels::WeightStore> weights;
  std::int64_t rows;
  PreparedSteps prepared;
};

Plan::Plan(std::shared_ptr<const Model> model, std::shared_ptr<kernels::WeightStore> weights,
           std::int64_t rows, int threads, NanRule nan) {
  if (rows < 1 || threads < 1) {
    throw_input_error("{}: a plan needs at least one row and one thread, found {} and {}",
                      model->label(), rows, threads);
  }
  if (rows > model->max_batch()) {
    throw_input_error("{}: runs one row at a time, found a plan for {}", model->label(), rows);
  }
  if (!model->why_no_graph().empty()) throw InputError(model->why_no_graph());
  PreparedSteps prepared = PlanBuilder(model->graph(), *weights, rows, threads, nan).build();
  impl_ =
      std::make_unique<Impl>(Impl{std::move(model), std::move(weights), rows, std::move(prepared)});
}

Plan::~Plan() = default;

void Plan::run(std::span<const std::byte* const> inputs, std::span<std::byte* const> outputs) {
  PreparedSteps& prepared = impl_->prepared;
  for (const auto& patch : prepared.read_inputs) *patch.slot = inputs[patch.port];
  for (const auto& patch : prepared.read_outputs) *patch.slot = outputs[patch.port];
  for (const auto& patch : prepared.written_outputs) *patch.slot = outputs[patch.port];
  for (const Step& step : prepared.steps) {
    try {
      step.kernel->run({.inputs = step.inputs, .outputs = step.outputs, .scratch = step.scratch});
    } catch (const RunError& error) {
      throw_run_error("{}: node '{}', operator {}: {}", impl_->model->label(), step.info.node,
                      step.info.op, error.what());
    }
  }
}

std::int64_t Plan::rows() const { return impl_->rows; }

std::size_t Plan::arena_bytes() const { return impl_->prepared.arena.size(); }

std::vector<StepInfo> Plan::steps() const {
  std::vector<StepInfo> infos;
  for (const Step& step : impl_->prepared.steps) infos.push_back(step.info);
  return infos;
}

}  // namespace widepipe::model
