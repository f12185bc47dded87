#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "kernels/kernel.h"
#include "model/plan.h"

namespace widepipe::device {

/// A model on a device: what its instances share.
struct LoadedModel {
  std::shared_ptr<const model::Model> model;
  std::int64_t micro_batch = 1;  ///< rows a plan computes at a time
};

/// True if any of the floats is NaN or infinite; elements of integer types never are.
bool any_non_finite(std::span<const std::byte> values, DType dtype);

/// Rows a plan should compute at a time so that the activations between two operators stay in
/// the second-level cache; between 1 and 64.
std::int64_t choose_micro_batch(std::size_t arena_bytes_of_one_row, std::size_t l2_bytes);

/// Runs batches of one model in micro-batches. One thread uses it; the results do not depend on
/// how rows fall into micro-batches (kernels/kernel.h, "same bits"). Rows with NaN or infinities
/// in their input are computed once more, alone, by a plan that keeps NaN: fast kernels may turn
/// it into a confident answer.
class ModelInstance {
 public:
  ModelInstance(LoadedModel loaded, int threads);

  /// `inputs` and `outputs` hold `rows` rows of each port.
  void run(std::int64_t rows, std::span<const std::byte* const> inputs,
           std::span<std::byte* const> outputs);

  std::size_t arena_bytes() const;

 private:
  model::Plan& plan_for(std::int64_t rows);
  void redo_non_finite(std::int64_t rows, std::span<const std::byte* const> inputs,
                       std::span<std::byte* const> outputs);

  LoadedModel loaded_;
  int threads_;
  std::list<std::unique_ptr<model::Plan>> plans_;  ///< most recently used first
  std::unique_ptr<model::Plan> careful_;           ///< for one row, keeps NaN; made when needed
};

}  // namespace widepipe::device
