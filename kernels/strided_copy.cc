#include "kernels/strided_copy.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace widepipe::kernels {
namespace {

class StridedCopyKernel final : public Kernel {
 public:
  explicit StridedCopyKernel(StridedCopy copy) : copy_(std::move(copy)) {}

  void run(const KernelArgs& args) override { copy_.run(args.inputs[0], args.outputs[0]); }

 private:
  StridedCopy copy_;
};

}  // namespace

StridedCopy::StridedCopy(const std::vector<StridedAxis>& axes, std::int64_t first,
                         std::size_t element)
    : first_(first * static_cast<std::int64_t>(element)), piece_(element) {
  empty_ = std::any_of(axes.begin(), axes.end(), [](const auto& axis) { return axis.size == 0; });
  for (const StridedAxis& axis : axes) {
    if (axis.size == 1) continue;
    if (!steps_.empty() && steps_.back().stride == axis.size * axis.stride) {
      steps_.back() = {steps_.back().size * axis.size, axis.stride};
    } else {
      steps_.push_back(axis);
    }
  }
  // The innermost axis, where it lies alike in both, is copied in one piece.
  if (!steps_.empty() && steps_.back().stride == 1) {
    piece_ *= static_cast<std::size_t>(steps_.back().size);
    steps_.pop_back();
  }
  for (StridedAxis& step : steps_) step.stride *= static_cast<std::int64_t>(element);
}

void StridedCopy::run(const std::byte* from, std::byte* to) const {
  if (empty_) return;
  from += first_;
  switch (piece_) {
    case 1:
      return copy<1>(from, to, 0);
    case 2:
      return copy<2>(from, to, 0);
    case 4:
      return copy<4>(from, to, 0);
    case 8:
      return copy<8>(from, to, 0);
    default:
      return copy<0>(from, to, 0);
  }
}

/// `kBytes` is the size of a piece, or 0 if it is known at run time only.
template <std::size_t kBytes>
void StridedCopy::copy(const std::byte* from, std::byte*& to, std::size_t depth) const {
  const std::size_t bytes = kBytes == 0 ? piece_ : kBytes;
  if (depth == steps_.size()) {
    std::memcpy(to, from, bytes);
    to += bytes;
    return;
  }
  const auto [size, stride] = steps_[depth];
  if (depth + 1 == steps_.size()) {
    for (std::int64_t i = 0; i < size; ++i) {
      std::memcpy(to + static_cast<std::size_t>(i) * bytes, from + i * stride, bytes);
    }
    to += static_cast<std::size_t>(size) * bytes;
    return;
  }
  for (std::int64_t i = 0; i < size; ++i) copy<kBytes>(from + i * stride, to, depth + 1);
}

std::vector<std::int64_t> dense_strides(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

std::unique_ptr<Kernel> strided_copy_kernel(StridedCopy copy) {
  return std::make_unique<StridedCopyKernel>(std::move(copy));
}

}  // namespace widepipe::kernels
