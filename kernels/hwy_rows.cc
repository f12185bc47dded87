#include "kernels/hwy_rows.h"

#include "kernels/blocked.h"
#include "kernels/checks.h"
#include "kernels/hwy_rows_loops.h"

namespace widepipe::kernels {
namespace {

/// Runs of elements that are computed together: all axes from one on.
class Rows {
 public:
  Rows(const KernelCase& kernel_case, std::size_t first_axis)
      : length_(element_count(std::span(kernel_case.inputs[0].shape).subspan(first_axis))),
        count_(element_count(std::span(kernel_case.inputs[0].shape).first(first_axis))),
        threads_(count_ * length_ <= kChunk ? 1 : kernel_case.threads) {}

  std::size_t length() const { return static_cast<std::size_t>(length_); }

  /// Calls f(x, y) with the pointers of each run.
  template <typename F>
  void for_each(const KernelArgs& args, const F& f) const {
    const float* x = as<float>(args.inputs[0]);
    float* y = as<float>(args.outputs[0]);
    if (threads_ == 1) {
      for (std::int64_t row = 0; row < count_; ++row) f(x + row * length_, y + row * length_);
      return;
    }
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (std::int64_t row = 0; row < count_; ++row) f(x + row * length_, y + row * length_);
  }

 private:
  std::int64_t length_;
  std::int64_t count_;
  int threads_;
};

std::size_t first_axis(const KernelCase& kernel_case, std::int64_t absent, bool may_be_rank) {
  const auto rank = static_cast<std::int64_t>(kernel_case.inputs[0].shape.size());
  return static_cast<std::size_t>(normalized_axis(kernel_case.attributes->integer("axis", absent),
                                                  rank, may_be_rank ? rank : rank - 1));
}

/// Up to version 12, all axes from `axis` on belong together.
std::size_t softmax_axis(const KernelCase& kernel_case) {
  const bool old = kernel_case.version < 13;
  return first_axis(kernel_case, old ? 1 : -1, old);
}

class HwySoftmax final : public Kernel {
 public:
  explicit HwySoftmax(const KernelCase& kernel_case)
      : rows_(kernel_case, softmax_axis(kernel_case)) {}

  void run(const KernelArgs& args) override {
    rows_.for_each(args, [&](const float* x, float* y) { softmax_row(x, y, rows_.length()); });
  }

 private:
  Rows rows_;
};

class HwyLayerNormalization final : public Kernel {
 public:
  explicit HwyLayerNormalization(const KernelCase& kernel_case)
      : rows_(kernel_case, first_axis(kernel_case, -1, false)),
        epsilon_(kernel_case.attributes->real("epsilon", 1e-5F)),
        has_bias_(has_input(kernel_case, 2)) {}

  void run(const KernelArgs& args) override {
    const float* scale = as<float>(args.inputs[1]);
    const float* bias = has_bias_ ? as<float>(args.inputs[2]) : nullptr;
    rows_.for_each(args, [&](const float* x, float* y) {
      layer_norm_row(x, scale, bias, epsilon_, y, rows_.length());
    });
  }

 private:
  Rows rows_;
  float epsilon_;
  bool has_bias_;
};

}  // namespace

Support hwy_softmax_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).all_f32().no_activation();
  if (!checks.ok()) return checks.plain();
  const Shape& x = kernel_case.inputs[0].shape;
  const std::size_t axis = softmax_axis(kernel_case);
  return checks
      .require(kernel_case.version < 13 || element_count(std::span(x).subspan(axis + 1)) == 1,
               "axis {} of {} does not lie in one piece", axis, to_string(x))
      .plain();
}

std::unique_ptr<Kernel> hwy_softmax_create(const KernelCase& kernel_case, WeightStore&) {
  return std::make_unique<HwySoftmax>(kernel_case);
}

Support hwy_layer_normalization_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(2, 3).all_f32().no_activation();
  if (!checks.ok()) return checks.plain();
  const Shape& x = kernel_case.inputs[0].shape;
  const auto axis = static_cast<std::ptrdiff_t>(first_axis(kernel_case, -1, false));
  const Shape group(x.begin() + axis, x.end());
  for (std::size_t i = 1; i < kernel_case.inputs.size(); ++i) {
    checks.require(!has_input(kernel_case, i) || kernel_case.inputs[i].shape == group,
                   "input {}: expected shape {}, found {}", i, to_string(group),
                   to_string(kernel_case.inputs[i].shape));
  }
  return checks.plain();
}

std::unique_ptr<Kernel> hwy_layer_normalization_create(const KernelCase& kernel_case,
                                                       WeightStore&) {
  return std::make_unique<HwyLayerNormalization>(kernel_case);
}

}  // namespace widepipe::kernels
