#pragma once
// The work of Plan's constructor: from a graph to a list of kernel calls with fixed addresses.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "kernels/registry.h"
#include "model/graph.h"
#include "model/known_values.h"
#include "model/memory_plan.h"
#include "model/plan.h"

namespace widepipe::model {

/// A kernel and the pointers it is called with.
struct Step {
  StepInfo info;
  std::unique_ptr<kernels::Kernel> kernel;
  std::vector<const std::byte*> inputs = {};
  std::vector<std::byte*> outputs = {};
  std::byte* scratch = nullptr;
};

/// A pointer of a step that depends on the caller's buffers.
template <typename Pointer>
struct Patch {
  Pointer* slot;
  std::size_t port;
};

/// Steps in the order in which they run. The patches point into the steps.
struct PreparedSteps {
  std::vector<Step> steps;
  AlignedBuffer arena;
  std::vector<Patch<const std::byte*>> read_inputs;
  std::vector<Patch<const std::byte*>> read_outputs;  ///< outputs that later steps read again
  std::vector<Patch<std::byte*>> written_outputs;
  std::vector<std::shared_ptr<const AlignedBuffer>> constants;  ///< kept alive for the steps
  std::unique_ptr<KnownValues> known;                           ///< likewise
};

/// Used once, for one graph. Graph and store must outlive the builder; the steps refer to both.
class PlanBuilder {
 public:
  PlanBuilder(const Graph& graph, kernels::WeightStore& weights, std::int64_t rows, int threads,
              NanRule nan);

  /// Throws InputError naming the node and every kernel's reason if none supports it.
  PreparedSteps build() &&;

 private:
  using BufferId = std::size_t;

  struct Buffer {
    enum class Place { kArena, kInput, kOutput, kConstant } place = Place::kArena;
    std::size_t port = 0;                 ///< of an input or output
    const std::byte* constant = nullptr;  ///< kConstant only
    Lifetime lifetime = {};               ///< kArena only
    std::size_t offset = 0;               ///< kArena only, once planned
  };

  /// A form in which a value is there.
  struct Stored {
    BufferId buffer;
    kernels::Layout layout;
  };

  /// The buffers of the step of the same index.
  struct StepBuffers {
    std::vector<std::optional<BufferId>> inputs;
    std::vector<std::optional<BufferId>> outputs;
    std::optional<BufferId> scratch;
  };

  std::vector<Stored>& stored(ValueId id) { return stored_[static_cast<std::size_t>(id)]; }
  BufferId add_buffer(Buffer buffer);
  std::optional<std::size_t> output_port(ValueId id) const;

  void store_given_values();
  void add_node(const Node& node);
  /// Lets the node's output be its input's buffer, if that can be.
  bool add_alias(const Node& node);
  /// A buffer for what a node makes of value `id`: the caller's, if it is a plain output.
  BufferId target(ValueId id, const kernels::TensorDesc& desc);
  /// The value in this layout, reordered if it is not there yet.
  BufferId stored_as(ValueId id, kernels::Layout layout);
  BufferId reorder(ValueId id, const Stored& from, kernels::Layout layout);
  BufferId reorder_constant(ValueId id, kernels::Layout layout);
  void add_step(StepInfo info, std::unique_ptr<kernels::Kernel> kernel, StepBuffers buffers);

  void place_in_arena();
  void resolve_pointers();

  const Graph& graph_;
  kernels::WeightStore& weights_;
  std::int64_t rows_;
  int threads_;
  NanRule nan_;
  std::vector<Buffer> buffers_;
  std::vector<std::vector<Stored>> stored_;  ///< by value; the form its producer made comes first
  std::vector<StepBuffers> step_buffers_;
  PreparedSteps prepared_;
};

}  // namespace widepipe::model
