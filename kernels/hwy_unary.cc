#include "kernels/hwy_unary.h"

#include <algorithm>

#include "kernels/blocked.h"
#include "kernels/checks.h"
#include "kernels/hwy_unary_loops.h"

namespace widepipe::kernels {
namespace {

UnaryFunction function_of(const KernelCase& kernel_case) {
  if (kernel_case.op == "Erf") return UnaryFunction::kErf;
  if (kernel_case.op == "Exp") return UnaryFunction::kExp;
  if (kernel_case.op == "HardSigmoid") return UnaryFunction::kHardSigmoid;
  if (kernel_case.op == "HardSwish") return UnaryFunction::kHardSwish;
  return kernel_case.op == "Sigmoid" ? UnaryFunction::kSigmoid : UnaryFunction::kTanh;
}

class HwyUnary final : public Kernel {
 public:
  explicit HwyUnary(const KernelCase& kernel_case)
      : function_(function_of(kernel_case)),
        alpha_(kernel_case.attributes->real("alpha", 0.2F)),
        beta_(kernel_case.attributes->real("beta", 0.5F)),
        count_(stored_count(kernel_case.outputs[0])),
        threads_(count_ <= kChunk ? 1 : kernel_case.threads) {
    const TensorDesc& y = kernel_case.outputs[0];
    if (!has_padding(y, y.layout)) return;
    block_ = channel_block(y.layout);
    pixels_ = element_count(std::span(y.shape).subspan(2));
    channels_ = y.shape[1] % block_;
    images_ = y.shape[0];
  }

  void run(const KernelArgs& args) override {
    const float* x = as<float>(args.inputs[0]);
    float* y = as<float>(args.outputs[0]);
    if (threads_ == 1) {
      unary_all(function_, alpha_, beta_, x, y, static_cast<std::size_t>(count_));
    } else {
#pragma omp parallel for schedule(static) num_threads(threads_)
      for (std::int64_t first = 0; first < count_; first += kChunk) {
        unary_all(function_, alpha_, beta_, x + first, y + first,
                  static_cast<std::size_t>(std::min(kChunk, count_ - first)));
      }
    }
    if (block_ != 0) clear_padding(y);
  }

 private:
  /// f(0) need not be 0.
  void clear_padding(float* y) const {
    for (std::int64_t image = 1; image <= images_; ++image) {
      float* pixel = y + image * (count_ / images_) - pixels_ * block_;
      for (std::int64_t p = 0; p < pixels_; ++p, pixel += block_) {
        std::fill(pixel + channels_, pixel + block_, 0.0F);
      }
    }
  }

  UnaryFunction function_;
  float alpha_;
  float beta_;
  std::int64_t count_;
  int threads_;
  std::int64_t block_ = 0;  ///< channels that lie together; 0: no padding
  std::int64_t images_ = 0;
  std::int64_t pixels_ = 0;
  std::int64_t channels_ = 0;  ///< of the last block that are the tensor's own
};

}  // namespace

Support hwy_unary_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).all_f32().no_activation();
  if (!checks.ok()) return checks.plain();
  const Layout layout = kernel_case.inputs[0].layout;
  return Support::with_layouts({layout}, {layout});
}

std::unique_ptr<Kernel> hwy_unary_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<HwyUnary>(kernel_case);
}

}  // namespace widepipe::kernels
