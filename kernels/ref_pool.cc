#include "kernels/ref_pool.h"

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>

#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"
#include "kernels/pool_geometry.h"

namespace widepipe::kernels {
namespace {

using Axes = std::array<WindowAxis, 3>;
using Taps = std::array<Range, 3>;

/// Calls `f` with the offset in the image of every input that the window sees.
template <typename F>
void for_each_tap(const Axes& axes, const std::array<std::int64_t, 3>& at, const Taps& taps,
                  const F& f) {
  const auto& [depth, height, width] = axes;
  for (std::int64_t kd = taps[0].begin; kd < taps[0].end; ++kd) {
    const std::int64_t d = depth.start(at[0]) + kd * depth.dilation;
    for (std::int64_t kh = taps[1].begin; kh < taps[1].end; ++kh) {
      const std::int64_t h = height.start(at[1]) + kh * height.dilation;
      const std::int64_t row = (d * height.in + h) * width.in + width.start(at[2]);
      for (std::int64_t kw = taps[2].begin; kw < taps[2].end; ++kw) f(row + kw * width.dilation);
    }
  }
}

template <typename T>
T highest(const Axes& axes, const std::array<std::int64_t, 3>& at, const Taps& taps,
          const T* image) {
  T best = std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity()
                                       : std::numeric_limits<T>::lowest();
  for_each_tap(axes, at, taps, [&](std::int64_t i) {
    // NaN is the largest: it stays.
    if (image[i] > best || image[i] != image[i]) best = image[i];
  });
  return best;
}

float average(const Axes& axes, const std::array<std::int64_t, 3>& at, const Taps& taps,
              const float* image, bool count_padding) {
  double sum = 0.0;
  for_each_tap(axes, at, taps, [&](std::int64_t i) { sum += image[i]; });
  std::int64_t count = 1;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    count *= count_padding ? axes[i].taps_padded(at[i]) : taps[i].end - taps[i].begin;
  }
  return count == 0 ? 0.0F : static_cast<float>(sum / static_cast<double>(count));
}

template <typename T>
class RefPool final : public Kernel {
 public:
  explicit RefPool(const KernelCase& kernel_case)
      : geometry_(pool_geometry(kernel_case)), axes_(as_three(geometry_.axes)) {}

  void run(const KernelArgs& args) override {
    const auto* image = as<T>(args.inputs[0]);
    auto* y = as<T>(args.outputs[0]);
    const std::int64_t in_size = axes_[0].in * axes_[1].in * axes_[2].in;
    for (std::int64_t i = 0; i < geometry_.batch * geometry_.channels; ++i, image += in_size) {
      for (std::int64_t d = 0; d < axes_[0].out; ++d) {
        for (std::int64_t h = 0; h < axes_[1].out; ++h) {
          for (std::int64_t w = 0; w < axes_[2].out; ++w) *y++ = output(image, {d, h, w});
        }
      }
    }
  }

 private:
  T output(const T* image, const std::array<std::int64_t, 3>& at) const {
    const Taps taps = {axes_[0].taps_inside(at[0]), axes_[1].taps_inside(at[1]),
                       axes_[2].taps_inside(at[2])};
    if constexpr (std::is_same_v<T, float>) {
      if (!geometry_.max) return average(axes_, at, taps, image, geometry_.count_padding);
    }
    return highest(axes_, at, taps, image);
  }

  PoolGeometry geometry_;
  Axes axes_;
};

}  // namespace

Support ref_pool_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).no_activation();
  if (kernel_case.op == "MaxPool") {
    checks.dtype_in({DType::kF32, DType::kI8, DType::kU8});
  } else {
    checks.dtype_in({DType::kF32});
  }
  if (checks.ok()) {
    const std::size_t axes = pool_geometry(kernel_case).axes.size();
    checks.require(axes <= 3, "expected at most 3 spatial axes, found {}", axes);
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_pool_create(const KernelCase& kernel_case, WeightStore&) {
  switch (kernel_case.inputs[0].dtype) {
    case DType::kI8:
      return std::make_unique<RefPool<std::int8_t>>(kernel_case);
    case DType::kU8:
      return std::make_unique<RefPool<std::uint8_t>>(kernel_case);
    default:
      return std::make_unique<RefPool<float>>(kernel_case);
  }
}

}  // namespace widepipe::kernels
