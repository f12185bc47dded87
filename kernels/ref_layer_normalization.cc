#include "kernels/ref_layer_normalization.h"

#include <cmath>

#include "kernels/broadcast_loop.h"
#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

/// The axis from which on the elements are normalized together.
std::size_t first_axis(const KernelCase& kernel_case) {
  const auto rank = static_cast<std::int64_t>(kernel_case.inputs[0].shape.size());
  return static_cast<std::size_t>(
      normalized_axis(kernel_case.attributes->integer("axis", -1), rank, rank - 1));
}

/// The shape of what is normalized together.
Shape group_shape(const KernelCase& kernel_case) {
  const Shape& x = kernel_case.inputs[0].shape;
  return {x.begin() + static_cast<std::ptrdiff_t>(first_axis(kernel_case)), x.end()};
}

Shape shape_of_bias(const KernelCase& kernel_case) {
  return has_input(kernel_case, 2) ? kernel_case.inputs[2].shape : Shape{};
}

template <typename T>
class RefLayerNormalization final : public Kernel {
 public:
  explicit RefLayerNormalization(const KernelCase& kernel_case)
      : size_(element_count(group_shape(kernel_case))),
        groups_(
            element_count(std::span(kernel_case.inputs[0].shape).first(first_axis(kernel_case)))),
        epsilon_(kernel_case.attributes->real("epsilon", 1e-5F)),
        loop_(group_shape(kernel_case), {kernel_case.inputs[1].shape, shape_of_bias(kernel_case)}) {
  }

  void run(const KernelArgs& args) override {
    constexpr T kNoBias = 0;
    const T* scale = as<T>(args.inputs[1]);
    const T* bias =
        args.inputs.size() > 2 && args.inputs[2] != nullptr ? as<T>(args.inputs[2]) : &kNoBias;
    for (std::int64_t group = 0; group < groups_; ++group) {
      const T* x = as<T>(args.inputs[0]) + group * size_;
      T* y = as<T>(args.outputs[0]) + group * size_;
      const double mean = mean_of(x, [](double value) { return value; });
      const double variance =
          mean_of(x, [mean](double value) { return (value - mean) * (value - mean); });
      const double factor = 1.0 / std::sqrt(variance + epsilon_);
      loop_.for_each_run([&](std::int64_t first, const auto& offsets) {
        for (std::int64_t i = 0; i < loop_.length(); ++i) {
          const double normal = (x[first + i] - mean) * factor;
          y[first + i] = static_cast<T>(normal * scale[offsets[0] + i * loop_.steps()[0]] +
                                        bias[offsets[1] + i * loop_.steps()[1]]);
        }
      });
      store(args, 1, group, mean);
      store(args, 2, group, factor);
    }
  }

 private:
  template <typename F>
  double mean_of(const T* x, const F& f) const {
    double sum = 0.0;
    for (std::int64_t i = 0; i < size_; ++i) sum += f(x[i]);
    return sum / static_cast<double>(size_);
  }

  static void store(const KernelArgs& args, std::size_t output, std::int64_t at, double value) {
    if (output < args.outputs.size() && args.outputs[output] != nullptr) {
      as<float>(args.outputs[output])[at] = static_cast<float>(value);
    }
  }

  std::int64_t size_;
  std::int64_t groups_;
  double epsilon_;
  BroadcastLoop<2> loop_;
};

}  // namespace

Support ref_layer_normalization_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.inputs(2, 3).floating().like_input_0(1).like_input_0(2).no_activation();
  for (std::size_t i = 1; i < kernel_case.outputs.size(); ++i) {
    const TensorDesc& output = kernel_case.outputs[i];
    checks.require(i < 3 && (!output.present() || output.dtype == DType::kF32),
                   "output {}: {} is not computed", i, name_of(output.dtype));
  }
  if (checks.ok()) {
    const Shape group = group_shape(kernel_case);
    broadcast_strides(kernel_case.inputs[1].shape, group);
    broadcast_strides(shape_of_bias(kernel_case), group);
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_layer_normalization_create(const KernelCase& kernel_case,
                                                       WeightStore&) {
  if (kernel_case.inputs[0].dtype == DType::kF64) {
    return std::make_unique<RefLayerNormalization<double>>(kernel_case);
  }
  return std::make_unique<RefLayerNormalization<float>>(kernel_case);
}

}  // namespace widepipe::kernels
