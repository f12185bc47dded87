#include "device/instance.h"

#include <algorithm>
#include <utility>

namespace widepipe::device {
namespace {

/// Full micro-batches need one plan, and each remainder another: a few are worth keeping.
constexpr std::size_t kPlansKept = 4;

/// Whether the exponent of any element is all ones. A loop without an early end: it vectorises.
template <typename Bits, Bits kExponent>
bool any_exponent_full(std::span<const std::byte> values) {
  const auto* bits = reinterpret_cast<const Bits*>(values.data());
  bool found = false;
  for (std::size_t i = 0; i < values.size() / sizeof(Bits); ++i) {
    found |= (bits[i] & kExponent) == kExponent;
  }
  return found;
}

}  // namespace

bool any_non_finite(std::span<const std::byte> values, DType dtype) {
  if (dtype == DType::kF32) return any_exponent_full<std::uint32_t, 0x7f800000>(values);
  if (dtype == DType::kF64) return any_exponent_full<std::uint64_t, 0x7ff0000000000000>(values);
  return false;
}

std::int64_t choose_micro_batch(std::size_t arena_bytes_of_one_row, std::size_t l2_bytes) {
  constexpr std::size_t kMost = 64;
  const std::size_t fitting = l2_bytes / std::max<std::size_t>(arena_bytes_of_one_row, 1);
  return static_cast<std::int64_t>(std::clamp<std::size_t>(fitting, 1, kMost));
}

ModelInstance::ModelInstance(LoadedModel loaded, int threads)
    : loaded_(std::move(loaded)), threads_(threads) {
  plan_for(loaded_.micro_batch);
}

model::Plan& ModelInstance::plan_for(std::int64_t rows) {
  const auto found = std::find_if(plans_.begin(), plans_.end(),
                                  [rows](const auto& plan) { return plan->rows() == rows; });
  if (found != plans_.end()) {
    plans_.splice(plans_.begin(), plans_, found);
  } else {
    plans_.push_front(std::make_unique<model::Plan>(loaded_.model, loaded_.model->packed_weights(),
                                                    rows, threads_));
    if (plans_.size() > kPlansKept) plans_.pop_back();
  }
  return *plans_.front();
}

void ModelInstance::run(std::int64_t rows, std::span<const std::byte* const> inputs,
                        std::span<std::byte* const> outputs) {
  std::vector<const std::byte*> in(inputs.begin(), inputs.end());
  std::vector<std::byte*> out(outputs.begin(), outputs.end());
  for (std::int64_t done = 0; done < rows;) {
    const std::int64_t part = std::min(loaded_.micro_batch, rows - done);
    plan_for(part).run(in, out);
    redo_non_finite(part, in, out);
    done += part;
    for (std::size_t i = 0; i < in.size(); ++i) {
      in[i] += static_cast<std::size_t>(part) * loaded_.model->inputs()[i].bytes_per_row;
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] += static_cast<std::size_t>(part) * loaded_.model->outputs()[i].bytes_per_row;
    }
  }
}

void ModelInstance::redo_non_finite(std::int64_t rows, std::span<const std::byte* const> inputs,
                                    std::span<std::byte* const> outputs) {
  const std::vector<model::Port>& in = loaded_.model->inputs();
  const std::vector<model::Port>& out = loaded_.model->outputs();
  const auto input_row = [&](std::size_t port, std::int64_t row) {
    const std::size_t bytes = in[port].bytes_per_row;
    return std::span(inputs[port] + static_cast<std::size_t>(row) * bytes, bytes);
  };
  for (std::int64_t row = 0; row < rows; ++row) {
    bool found = false;
    for (std::size_t i = 0; i < in.size(); ++i) {
      found = found || any_non_finite(input_row(i, row), in[i].dtype);
    }
    if (!found) continue;
    if (!careful_) {
      careful_ = std::make_unique<model::Plan>(loaded_.model, loaded_.model->packed_weights(), 1,
                                               threads_, model::NanRule::kKept);
    }
    std::vector<const std::byte*> row_inputs;
    std::vector<std::byte*> row_outputs;
    for (std::size_t i = 0; i < in.size(); ++i) row_inputs.push_back(input_row(i, row).data());
    for (std::size_t i = 0; i < out.size(); ++i) {
      row_outputs.push_back(outputs[i] + static_cast<std::size_t>(row) * out[i].bytes_per_row);
    }
    careful_->run(row_inputs, row_outputs);
  }
}

std::size_t ModelInstance::arena_bytes() const {
  std::size_t total = 0;
  for (const auto& plan : plans_) total += plan->arena_bytes();
  return total;
}

}  // namespace widepipe::device
