#include "kernels/ref_conv.h"

#include <algorithm>
#include <array>

#include "kernels/activation.h"
#include "kernels/checks.h"
#include "kernels/conv_geometry.h"

namespace widepipe::kernels {
namespace {

class RefConv final : public Kernel {
 public:
  explicit RefConv(const KernelCase& kernel_case)
      : geometry_(conv_geometry(kernel_case)),
        axes_(as_three(geometry_.axes)),
        bounds_(bounds_of(kernel_case.activation)),
        in_size_(axes_[0].in * axes_[1].in * axes_[2].in),
        out_size_(axes_[0].out * axes_[1].out * axes_[2].out),
        taps_(axes_[0].kernel * axes_[1].kernel * axes_[2].kernel) {}

  void run(const KernelArgs& args) override {
    const auto* x = as<float>(args.inputs[0]);
    const auto* w = as<float>(args.inputs[1]);
    const auto* b = args.inputs.size() > 2 ? as<float>(args.inputs[2]) : nullptr;
    auto* y = as<float>(args.outputs[0]);
    const std::int64_t in_channels = geometry_.group_in();
    for (std::int64_t n = 0; n < geometry_.batch; ++n) {
      for (std::int64_t o = 0; o < geometry_.out_channels; ++o) {
        float* plane = y + (n * geometry_.out_channels + o) * out_size_;
        std::fill_n(plane, out_size_, b == nullptr ? 0.0F : b[o]);
        const std::int64_t first_channel = o / geometry_.group_out() * in_channels;
        for (std::int64_t i = 0; i < in_channels; ++i) {
          const float* image = x + (n * geometry_.in_channels + first_channel + i) * in_size_;
          add_channel(image, w + (o * in_channels + i) * taps_, plane);
        }
        std::transform(plane, plane + out_size_, plane,
                       [this](float v) { return bounds_.clamp(v); });
      }
    }
  }

 private:
  /// Adds one input channel, tap by tap, to one output channel.
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
      const std::int64_t in_d = depth.start(d) + tap[0] * depth.dilation;
      for (std::int64_t h = hs.begin; h < hs.end; ++h) {
        const std::int64_t in_h = height.start(h) + tap[1] * height.dilation;
        const float* source = image + (in_d * height.in + in_h) * width.in +
                              tap[2] * width.dilation - width.pad_begin;
        float* sum = plane + (d * height.out + h) * width.out;
        for (std::int64_t v = ws.begin; v < ws.end; ++v)
          sum[v] += source[v * width.stride] * weight;
      }
    }
  }

  ConvGeometry geometry_;
  std::array<WindowAxis, 3> axes_;
  Bounds bounds_;
  std::int64_t in_size_;
  std::int64_t out_size_;
  std::int64_t taps_;
};

}  // namespace

Support ref_conv_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 3).all_f32();
  if (checks.ok()) {
    const std::size_t axes = conv_geometry(kernel_case).axes.size();
    checks.require(axes <= 3, "expected at most 3 spatial axes, found {}", axes);
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_conv_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefConv>(kernel_case);
}

}  // namespace widepipe::kernels
