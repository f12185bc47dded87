#include "kernels/ref_transpose.h"

#include <cstring>
#include <vector>

#include "kernels/axes.h"
#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

/// An axis of the output: its size, and how far apart its elements lie in the input.
struct Step {
  std::int64_t size;
  std::int64_t stride;
};

/// The output's axes from the outermost in; neighbours that lie in the input as one are one, and
/// axes of size 1 are gone.
std::vector<Step> steps_of(const Shape& x, const std::vector<std::int64_t>& order) {
  std::vector<std::int64_t> strides(x.size(), 1);
  for (std::size_t i = x.size(); i-- > 1;) strides[i - 1] = strides[i] * x[i];
  std::vector<Step> steps;
  for (const std::int64_t axis : order) {
    const auto i = static_cast<std::size_t>(axis);
    if (x[i] == 1) continue;
    if (!steps.empty() && steps.back().stride == strides[i] * x[i]) {
      steps.back() = {steps.back().size * x[i], strides[i]};
    } else {
      steps.push_back({x[i], strides[i]});
    }
  }
  return steps;
}

class RefTranspose final : public Kernel {
 public:
  RefTranspose(const KernelCase& kernel_case, const std::vector<std::int64_t>& order)
      : steps_(steps_of(kernel_case.inputs[0].shape, order)),
        element_(size_of(kernel_case.inputs[0].dtype)),
        empty_(element_count(kernel_case.inputs[0].shape) == 0) {
    // The innermost axis, where it lies alike in both, is copied in one piece.
    if (!steps_.empty() && steps_.back().stride == 1) {
      piece_ = static_cast<std::size_t>(steps_.back().size);
      steps_.pop_back();
    }
  }

  void run(const KernelArgs& args) override {
    if (empty_) return;
    std::byte* to = args.outputs[0];
    switch (piece_ * element_) {
      case 1:
        return copy<1>(args.inputs[0], to, 0);
      case 4:
        return copy<4>(args.inputs[0], to, 0);
      case 8:
        return copy<8>(args.inputs[0], to, 0);
      default:
        return copy<0>(args.inputs[0], to, 0);
    }
  }

 private:
  /// `kBytes` is the size of a piece, or 0 if it is known at run time only.
  template <std::size_t kBytes>
  void copy(const std::byte* from, std::byte*& to, std::size_t depth) const {
    const std::size_t bytes = kBytes == 0 ? piece_ * element_ : kBytes;
    if (depth == steps_.size()) {
      std::memcpy(to, from, bytes);
      to += bytes;
      return;
    }
    const std::size_t stride = static_cast<std::size_t>(steps_[depth].stride) * element_;
    if (depth + 1 == steps_.size()) {
      for (std::int64_t i = 0; i < steps_[depth].size; ++i) {
        std::memcpy(to, from, bytes);
        to += bytes;
        from += stride;
      }
      return;
    }
    for (std::int64_t i = 0; i < steps_[depth].size; ++i) {
      copy<kBytes>(from, to, depth + 1);
      from += stride;
    }
  }

  std::vector<Step> steps_;
  std::size_t element_;
  std::size_t piece_ = 1;
  bool empty_;
};

}  // namespace

Support ref_transpose_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).no_activation();
  if (checks.ok()) transpose_order(*kernel_case.attributes, kernel_case.inputs[0].shape.size());
  return checks.plain();
}

std::unique_ptr<Kernel> ref_transpose_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefTranspose>(
      kernel_case, transpose_order(*kernel_case.attributes, kernel_case.inputs[0].shape.size()));
}

}  // namespace widepipe::kernels
