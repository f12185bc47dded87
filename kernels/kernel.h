#pragma once
// The contract between an operator of a model and the code that computes it.
//
// A kernel is chosen and prepared once for a case (operator, attributes, concrete shapes,
// layouts) and then run many times on raw pointers: nothing is looked up, allocated or checked
// while a batch runs.
//
// Same bits: for every kernel, the output bits of a row (index on axis 0) depend only on that
// row's input, the weights and the instruction set; never on the number of rows, the row's
// position among them, or the number of threads.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/tensor.h"
#include "kernels/attributes.h"

namespace widepipe::kernels {

/// How a tensor lies in memory. kBlockedX is oneDNN's nChwXc (for rank 3: nCwXc): channels are
/// padded to a multiple of X with zeros, and X channels of one pixel lie together.
enum class Layout : std::uint8_t { kPlain, kBlocked8, kBlocked16 };

std::string_view name_of(Layout layout);
/// X of kBlockedX; 1 for kPlain.
std::int64_t channel_block(Layout layout);

/// `shape` is always the logical (ONNX) shape, whatever the layout.
struct TensorDesc {
  DType dtype = DType::kUndefined;  ///< kUndefined: an optional input that is absent
  Shape shape;
  Layout layout = Layout::kPlain;

  /// Bytes in memory, padding of blocked channels included.
  std::size_t bytes() const;
  bool present() const { return dtype != DType::kUndefined; }
};

/// An elementwise function applied to the kernel's output before it is stored.
struct Activation {
  enum class Kind : std::uint8_t { kNone, kRelu, kClip } kind = Kind::kNone;
  float lo = 0.0F;  ///< kClip only
  float hi = 0.0F;  ///< kClip only

  bool none() const { return kind == Kind::kNone; }
};

/// Everything a kernel may know when it is chosen and prepared.
struct KernelCase {
  std::string_view op;  ///< ONNX operator type, or "Reorder" for a change of layout
  int version = 0;      ///< the operator set version the model imports for the op's domain
  const Attributes* attributes = nullptr;
  std::vector<TensorDesc> inputs;
  /// As long as `inputs`; null where the input is not a constant. Constants are plain, outlive
  /// the kernel, and keep their address for as long as the WeightStore lives.
  std::vector<const Tensor*> constants;
  std::vector<TensorDesc> outputs;
  Activation activation;  ///< fused into this operator
  int threads = 1;        ///< OpenMP threads the kernel may use
  /// NaN among the inputs must reach the outputs that depend on it. Without it a kernel may lose
  /// NaN in a maximum (fused Relu, MaxPool), which is faster.
  bool keep_nan = false;
};

/// What a kernel answers when asked whether it can compute a case: either the layouts it wants
/// (the planner puts a Reorder where a producer's layout differs) or the reason why not.
class Support {
 public:
  /// Inputs and outputs all plain.
  static Support plain() { return Support{}; }
  /// One layout for each input and each output of the case.
  static Support with_layouts(std::vector<Layout> inputs, std::vector<Layout> outputs);
  static Support declined(std::string reason);

  explicit operator bool() const { return reason_.empty(); }
  const std::string& reason() const { return reason_; }
  Layout input(std::size_t i) const { return i < inputs_.size() ? inputs_[i] : Layout::kPlain; }
  Layout output(std::size_t i) const { return i < outputs_.size() ? outputs_[i] : Layout::kPlain; }

 private:
  std::string reason_;
  std::vector<Layout> inputs_;
  std::vector<Layout> outputs_;
};

/// Weights in the form that kernels want, made once and shared by all plans and instances of a
/// rank. Thread-safe.
class WeightStore {
 public:
  using Pack = std::function<AlignedBuffer()>;
  /// The buffer packed from `source` in the form that `form` names; `pack` runs only for the
  /// first caller.
  std::shared_ptr<const AlignedBuffer> get(const Tensor* source, const std::string& form,
                                           const Pack& pack);
  /// Bytes held.
  std::size_t bytes() const;
  /// Forgets all. What kernels hold stays with them.
  void clear();

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const AlignedBuffer>> packed_;
};

/// Pointers for one run, in the order of the case. An absent input, or a constant that the
/// kernel has packed, may be null.
struct KernelArgs {
  std::span<const std::byte* const> inputs;
  std::span<std::byte* const> outputs;
  std::byte* scratch = nullptr;  ///< 64-byte aligned, at least scratch_bytes()
};

/// A prepared case. Used by one thread at a time.
class Kernel {
 public:
  virtual ~Kernel() = default;
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  virtual std::size_t scratch_bytes() const { return 0; }
  /// Never throws for a case that supports() accepted, whatever the data.
  virtual void run(const KernelArgs& args) = 0;
};

/// A line of the registry. `supports` is asked with the layouts in which the inputs arrive; an
/// InputError from it (a malformed attribute or shape) counts as a decline with that reason.
/// `create` gets the case with the layouts that supports() asked for.
struct KernelEntry {
  std::string_view name;  ///< file name without suffix: role prefix + operator, "onednn_conv"
  std::string_view op;
  Support (*supports)(const KernelCase&);
  std::unique_ptr<Kernel> (*create)(const KernelCase&, WeightStore&);
};

}  // namespace widepipe::kernels
