#include "kernels/ref_batch_normalization.h"

#include <cmath>

#include "kernels/activation.h"
#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

class RefBatchNormalization final : public Kernel {
 public:
  explicit RefBatchNormalization(const KernelCase& kernel_case)
      : batch_(kernel_case.inputs[0].shape[0]),
        channels_(kernel_case.inputs[0].shape[1]),
        size_(element_count(std::span(kernel_case.inputs[0].shape).subspan(2))),
        epsilon_(kernel_case.attributes->real("epsilon", 1e-5F)),
        bounds_(bounds_of(kernel_case.activation)) {}

  void run(const KernelArgs& args) override {
    const auto* x = as<float>(args.inputs[0]);
    const auto* scale = as<float>(args.inputs[1]);
    const auto* bias = as<float>(args.inputs[2]);
    const auto* mean = as<float>(args.inputs[3]);
    const auto* variance = as<float>(args.inputs[4]);
    auto* y = as<float>(args.outputs[0]);
    for (std::int64_t n = 0; n < batch_; ++n) {
      for (std::int64_t c = 0; c < channels_; ++c, x += size_, y += size_) {
        const float factor = scale[c] / std::sqrt(variance[c] + epsilon_);
        for (std::int64_t i = 0; i < size_; ++i) {
          y[i] = bounds_.clamp((x[i] - mean[c]) * factor + bias[c]);
        }
      }
    }
  }

 private:
  std::int64_t batch_;
  std::int64_t channels_;
  std::int64_t size_;
  float epsilon_;
  Bounds bounds_;
};

}  // namespace

Support ref_batch_normalization_supports(const KernelCase& kernel_case) {
  const Attributes& attributes = *kernel_case.attributes;
  Checks checks(kernel_case);
  checks.arity(5, 5)
      .all_f32()
      .require(attributes.integer("training_mode", 0) == 0,
               "training_mode 1: statistics of the batch are not computed")
      .require(kernel_case.version >= 7 || attributes.integer("is_test", 0) != 0,
               "is_test 0: statistics of the batch are not computed")
      .require(kernel_case.version >= 9 || attributes.integer("spatial", 1) != 0,
               "spatial 0: statistics for each element are not computed");
  if (checks.ok()) {
    const Shape& x = kernel_case.inputs[0].shape;
    checks.require(x.size() >= 2, "X: expected a rank of at least 2, found shape {}", to_string(x));
    for (std::size_t i = 1; checks.ok() && i < 5; ++i) {
      checks.require(kernel_case.inputs[i].shape == Shape{x[1]},
                     "input {}: expected shape [{}], found {}", i, x[1],
                     to_string(kernel_case.inputs[i].shape));
    }
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_batch_normalization_create(const KernelCase& kernel_case,
                                                       WeightStore&) {
  return std::make_unique<RefBatchNormalization>(kernel_case);
}

}  // namespace widepipe::kernels
