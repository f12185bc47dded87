#pragma once
// A plan: a model prepared for one batch size. All kernels are chosen, all buffers have a fixed
// offset in one arena, so that running a batch is a walk over a list.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "kernels/registry.h"
#include "model/model.h"

namespace widepipe::model {

/// One step of a plan, for `widepipe inspect`.
struct StepInfo {
  std::string node;  ///< ONNX node name, or "reorder of <value>"
  std::string op;
  std::string kernel;
  std::string activation;  ///< "", "relu", "clip(0, 6)"
  std::vector<kernels::Decline> declined;
};

enum class NanRule { kMayVanish, kKept };

/// Not thread-safe: one instance of a device owns it and runs it from one thread. Keeps the
/// model and the store alive.
class Plan {
 public:
  /// Prepares `rows` rows with `threads` OpenMP threads; with kKept NaN reaches the outputs as
  /// ONNX has it, with kMayVanish (faster) a maximum may lose it. Throws InputError, naming the
  /// node and every kernel's reason, if no kernel supports a node.
  Plan(std::shared_ptr<const Model> model, std::shared_ptr<kernels::WeightStore> weights,
       std::int64_t rows, int threads, NanRule nan = NanRule::kMayVanish);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  /// inputs[i] and outputs[i] point at `rows` consecutive rows of port i of the model.
  void run(std::span<const std::byte* const> inputs, std::span<std::byte* const> outputs);

  std::int64_t rows() const;
  /// Bytes of activations and scratch this plan holds.
  std::size_t arena_bytes() const;
  std::vector<StepInfo> steps() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace widepipe::model
