#include "kernels/ref_lrn.h"

#include <algorithm>
#include <cmath>

#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

class RefLrn final : public Kernel {
 public:
  explicit RefLrn(const KernelCase& kernel_case)
      : batch_(kernel_case.inputs[0].shape[0]),
        channels_(kernel_case.inputs[0].shape[1]),
        pixels_(element_count(std::span(kernel_case.inputs[0].shape).subspan(2))),
        size_(kernel_case.attributes->integer("size", 1)),
        alpha_(kernel_case.attributes->real("alpha", 1e-4F)),
        beta_(kernel_case.attributes->real("beta", 0.75F)),
        bias_(kernel_case.attributes->real("bias", 1.0F)) {}

  void run(const KernelArgs& args) override {
    const float* x = as<float>(args.inputs[0]);
    float* y = as<float>(args.outputs[0]);
    for (std::int64_t n = 0; n < batch_; ++n) {
      for (std::int64_t c = 0; c < channels_; ++c, y += pixels_) channel(x, c, y);
      x += channels_ * pixels_;
    }
  }

 private:
  /// Channel `c` of one image.
  void channel(const float* image, std::int64_t c, float* y) const {
    const std::int64_t first = std::max<std::int64_t>(0, c - (size_ - 1) / 2);
    const std::int64_t last = std::min(channels_ - 1, c + size_ / 2);
    for (std::int64_t p = 0; p < pixels_; ++p) {
      double squares = 0.0;
      for (std::int64_t other = first; other <= last; ++other) {
        const double value = image[other * pixels_ + p];
        squares += value * value;
      }
      const double base = bias_ + alpha_ / static_cast<double>(size_) * squares;
      y[p] = static_cast<float>(image[c * pixels_ + p] * std::pow(base, -beta_));
    }
  }

  std::int64_t batch_;
  std::int64_t channels_;
  std::int64_t pixels_;
  std::int64_t size_;
  double alpha_;
  double beta_;
  double bias_;
};

}  // namespace

Support ref_lrn_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).all_f32().no_activation();
  if (!checks.ok()) return checks.plain();
  const Shape& x = kernel_case.inputs[0].shape;
  const std::int64_t size = kernel_case.attributes->integer("size", 0);
  return checks
      .require(x.size() >= 2, "X: expected a rank of at least 2, found shape {}", to_string(x))
      .require(size >= 1, "attribute size: expected at least 1 channel, found {}", size)
      .plain();
}

std::unique_ptr<Kernel> ref_lrn_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<RefLrn>(kernel_case);
}

}  // namespace widepipe::kernels
