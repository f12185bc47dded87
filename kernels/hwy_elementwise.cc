#include "kernels/hwy_elementwise.h"

#include <algorithm>

#include "kernels/activation.h"
#include "kernels/blocked.h"
#include "kernels/checks.h"
#include "kernels/hwy_elementwise_loops.h"

namespace widepipe::kernels {
namespace {

class HwyElementwise final : public Kernel {
 public:
  HwyElementwise(const KernelCase& kernel_case, Bounds bounds)
      : count_(stored_count(kernel_case.outputs[0])),
        bounds_(bounds),
        threads_(count_ <= 2 * kChunk ? 1 : kernel_case.threads) {}

  void run(const KernelArgs& args) override {
    if (threads_ == 1) {
      run_range(args, 0, count_);
      return;
    }
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (std::int64_t first = 0; first < count_; first += kChunk) {
      run_range(args, first, std::min(kChunk, count_ - first));
    }
  }

 private:
  void run_range(const KernelArgs& args, std::int64_t first, std::int64_t count) const {
    clamp_all(as<float>(args.inputs[0]) + first, as<float>(args.outputs[0]) + first,
              static_cast<std::size_t>(count), bounds_);
  }

  std::int64_t count_;
  Bounds bounds_;
  int threads_;
};

/// The limits of a Clip whose limits, if any, are constants.
Bounds clip_bounds(const KernelCase& kernel_case) {
  Bounds bounds;
  if (kernel_case.version < 11) {
    bounds.lo = kernel_case.attributes->real("min", bounds.lo);
    bounds.hi = kernel_case.attributes->real("max", bounds.hi);
    return bounds;
  }
  if (has_input(kernel_case, 1)) bounds.lo = kernel_case.constants[1]->as<float>()[0];
  if (has_input(kernel_case, 2)) bounds.hi = kernel_case.constants[2]->as<float>()[0];
  return bounds;
}

}  // namespace

Support hwy_relu_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).all_f32().no_activation();
  if (!checks.ok()) return checks.plain();
  return Support::with_layouts({kernel_case.inputs[0].layout}, {kernel_case.inputs[0].layout});
}

std::unique_ptr<Kernel> hwy_relu_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<HwyElementwise>(
      kernel_case, bounds_of({.kind = Activation::Kind::kRelu, .lo = 0.0F, .hi = 0.0F}));
}

Support hwy_clip_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, kernel_case.version < 11 ? 1 : 3)
      .all_f32()
      .no_activation()
      .constant(1, "min")
      .constant(2, "max");
  for (std::size_t i = 1; i < 3; ++i) {
    if (!checks.ok() || !has_input(kernel_case, i)) continue;
    checks.require(element_count(kernel_case.inputs[i].shape) == 1,
                   "input {}: expected one element, found shape {}", i,
                   to_string(kernel_case.inputs[i].shape));
  }
  if (!checks.ok()) return checks.plain();
  const Layout layout = kept_layout(kernel_case.outputs[0], kernel_case.inputs[0].layout,
                                    clip_bounds(kernel_case).clamp(0.0F) == 0.0F);
  return Support::with_layouts({layout}, {layout});
}

std::unique_ptr<Kernel> hwy_clip_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<HwyElementwise>(kernel_case, clip_bounds(kernel_case));
}

}  // namespace widepipe::kernels
