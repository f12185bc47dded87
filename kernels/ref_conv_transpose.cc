#include "kernels/ref_conv_transpose.h"

#include <algorithm>
#include <array>

#include "kernels/activation.h"
#include "kernels/checks.h"
#include "kernels/conv_geometry.h"

namespace widepipe::kernels {
namespace {

class RefConvTranspose final : public Kernel {
 public:
  explicit RefConvTranspose(const KernelCase& kernel_case)
      : geometry_(conv_transpose_geometry(kernel_case)),
        axes_(as_three(geometry_.axes)),
        bounds_(bounds_of(kernel_case.activation)),
        x_size_(axes_[0].out * axes_[1].out * axes_[2].out),
        y_size_(axes_[0].in * axes_[1].in * axes_[2].in),
        taps_(axes_[0].kernel * axes_[1].kernel * axes_[2].kernel) {}

  void run(const KernelArgs& args) override {
    const auto* x = as<float>(args.inputs[0]);
    const auto* w = as<float>(args.inputs[1]);
    const auto* b = args.inputs.size() > 2 ? as<float>(args.inputs[2]) : nullptr;
    auto* y = as<float>(args.outputs[0]);
    const std::int64_t out_channels = geometry_.group_out();
    for (std::int64_t n = 0; n < geometry_.batch; ++n) {
      for (std::int64_t o = 0; o < geometry_.out_channels; ++o) {
        float* plane = y + (n * geometry_.out_channels + o) * y_size_;
        std::fill_n(plane, y_size_, b == nullptr ? 0.0F : b[o]);
        const std::int64_t first = o / out_channels * geometry_.group_in();
        for (std::int64_t i = first; i < first + geometry_.group_in(); ++i) {
          add_channel(x + (n * geometry_.in_channels + i) * x_size_,
                      w + (i * out_channels + o % out_channels) * taps_, plane);
        }
        std::transform(plane, plane + y_size_, plane, [this](float v) { return bounds_.clamp(v); });
      }
    }
  }

 private:
  /// Adds what one input channel contributes, tap by tap, to one output channel.
  void add_channel(const float* image, const float* weights, float* plane) const {
    const auto& [depth, height, width] = axes_;
    for (std::int64_t kd = 0; kd < depth.kernel; ++kd) {
      for (std::int64_t kh = 0; kh < height.kernel; ++kh) {
        for (std::int64_t kw = 0; kw < width.kernel; ++kw) {
          add_tap(image, {kd, kh, kw}, *weights++, plane);
        }
      }
    }
  }

  void add_tap(const float* image, const std::array<std::int64_t, 3>& tap, float weight,
               float* plane) const {
    const auto& [depth, height, width] = axes_;
    const Range ds = depth.outputs_of(tap[0]);
    const Range hs = height.outputs_of(tap[1]);
    const Range ws = width.outputs_of(tap[2]);
    for (std::int64_t d = ds.begin; d < ds.end; ++d) {
      const std::int64_t y_d = depth.start(d) + tap[0] * depth.dilation;
      for (std::int64_t h = hs.begin; h < hs.end; ++h) {
        const std::int64_t y_h = height.start(h) + tap[1] * height.dilation;
        const float* source = image + (d * height.out + h) * width.out;
        const std::int64_t row = (y_d * height.in + y_h) * width.in;
        for (std::int64_t v = ws.begin; v < ws.end; ++v) {
          plane[row + width.start(v) + tap[2] * width.dilation] += source[v] * weight;
        }
      }
    }
  }

  ConvGeometry geometry_;
  /// Of the convolution from Y to X.
  std::array<WindowAxis, 3> axes_;
  Bounds bounds_;
  std::int64_t x_size_;
  std::int64_t y_size_;
  std::int64_t taps_;
};

}  // namespace

Support ref_conv_transpose_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 3).all_f32();
  if (checks.ok()) {
    const std::size_t axes = conv_transpose_geometry(kernel_case).axes.size();
    checks.require(axes <= 3, "expected at most 3 spatial axes, found {}", axes);
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_conv_transpose_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefConvTranspose>(kernel_case);
}

}  // namespace widepipe::kernels
