#pragma once
// What the oneDNN kernels share. Only onednn_*.cc include this, so that the rest of the program
// does not see oneDNN.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

#include "kernels/kernel.h"

namespace widepipe::kernels::onednn {

/// The process's one engine.
const dnnl::engine& engine();

/// f32 in one of our layouts, rank 2 (plain only) to 5.
dnnl::memory::desc desc_of(const Shape& shape, Layout layout);
/// f32 in whatever layout oneDNN prefers.
dnnl::memory::desc desc_of_any(const Shape& shape);
/// The layout that oneDNN has chosen, if it is one of ours.
std::optional<Layout> layout_of(const dnnl::memory::desc& desc);
/// Our blocked layouts, that of this machine's vector width first.
std::vector<Layout> blocked_layouts();

/// Attributes of every primitive: the activation as a post-operation, scratch from the caller.
dnnl::primitive_attr attributes_of(const Activation& activation);

/// `f()`, or a decline where oneDNN has no implementation.
Support guarded(const std::function<Support()>& f);

/// A constant that was reordered to `desc` through the store.
struct Packed {
  std::shared_ptr<const AlignedBuffer> buffer;
  dnnl::memory memory;
};
/// `plain` describes the elements of `source` as they are.
Packed pack(WeightStore& weights, const Tensor& source, const dnnl::memory::desc& plain,
            const dnnl::memory::desc& desc);
/// oneDNN only reads its arguments, but its interface has no const.
dnnl::memory constant_memory(const dnnl::memory::desc& desc, const std::byte* data);

/// One primitive with input 0 as source and output 0 as destination; all else is fixed.
class PrimitiveKernel final : public Kernel {
 public:
  struct Form {
    dnnl::primitive primitive;
    dnnl::memory::desc source;
    dnnl::memory::desc destination;
    dnnl::memory::desc scratchpad;
    std::unordered_map<int, dnnl::memory> fixed;
    std::shared_ptr<const AlignedBuffer> keep_alive;
  };
  explicit PrimitiveKernel(Form form);

  std::size_t scratch_bytes() const override { return scratch_bytes_; }
  void run(const KernelArgs& args) override;

 private:
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::size_t scratch_bytes_;
  dnnl::memory source_;
  dnnl::memory destination_;
  dnnl::memory scratchpad_;
  std::unordered_map<int, dnnl::memory> arguments_;
  std::shared_ptr<const AlignedBuffer> keep_alive_;
};

}  // namespace widepipe::kernels::onednn
