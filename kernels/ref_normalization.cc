#include "kernels/ref_normalization.h"

#include <cmath>

#include "kernels/checks.h"
#include "kernels/reduce_form.h"

namespace widepipe::kernels {
namespace {

struct Statistics {
  double mean;
  double variance;
};

template <typename T>
Statistics statistics_of(const Elements<T>& x) {
  const auto count = static_cast<double>(x.count());
  const double mean = sum_of(x, [](double value) { return value; }) / count;
  const double squares =
      sum_of(x, [mean](double value) { return (value - mean) * (value - mean); });
  return {mean, squares / count};
}

/// The number of groups that the channels are cut into: each its own in InstanceNormalization.
std::int64_t groups_of(const KernelCase& kernel_case) {
  const std::int64_t channels = kernel_case.inputs[0].shape[1];
  return kernel_case.op == "GroupNormalization" ? kernel_case.attributes->integer("num_groups", 0)
                                                : channels;
}

/// GroupNormalization had one scale and bias for each group up to version 20.
std::int64_t scales_of(const KernelCase& kernel_case) {
  return kernel_case.op == "GroupNormalization" && kernel_case.version < 21
             ? groups_of(kernel_case)
             : kernel_case.inputs[0].shape[1];
}

/// X as [batch, groups, channels of a group, pixels]; a group lies in one piece.
template <typename T>
class RefGroupNormalization final : public Kernel {
 public:
  explicit RefGroupNormalization(const KernelCase& kernel_case)
      : batch_(kernel_case.inputs[0].shape[0]),
        groups_(groups_of(kernel_case)),
        channels_(kernel_case.inputs[0].shape[1] / groups_),
        pixels_(element_count(std::span(kernel_case.inputs[0].shape).subspan(2))),
        scale_of_group_(scales_of(kernel_case) == groups_),
        epsilon_(kernel_case.attributes->real("epsilon", 1e-5F)),
        form_({channels_ * pixels_}, {true}) {}

  void run(const KernelArgs& args) override {
    const T* x = as<T>(args.inputs[0]);
    T* y = as<T>(args.outputs[0]);
    for (std::int64_t n = 0; n < batch_; ++n) {
      for (std::int64_t group = 0; group < groups_; ++group) {
        const Statistics statistics = statistics_of(Elements<T>(x, form_));
        const double factor = 1.0 / std::sqrt(statistics.variance + epsilon_);
        for (std::int64_t c = 0; c < channels_; ++c, x += pixels_, y += pixels_) {
          const std::int64_t i = scale_of_group_ ? group : group * channels_ + c;
          const double scale = factor * as<T>(args.inputs[1])[i];
          const double bias = as<T>(args.inputs[2])[i];
          for (std::int64_t p = 0; p < pixels_; ++p) {
            y[p] = static_cast<T>((x[p] - statistics.mean) * scale + bias);
          }
        }
      }
    }
  }

 private:
  std::int64_t batch_;
  std::int64_t groups_;
  std::int64_t channels_;
  std::int64_t pixels_;
  bool scale_of_group_;
  double epsilon_;
  ReduceForm form_;
};

/// The axes whose elements are normalized together.
std::vector<bool> normalized_axes(const KernelCase& kernel_case) {
  const std::size_t rank = kernel_case.inputs[0].shape.size();
  const bool lp = kernel_case.op == "LpNormalization";
  const std::vector<std::int64_t> axes =
      lp ? std::vector{kernel_case.attributes->integer("axis", -1)}
         : kernel_case.attributes->integers("axes", {0, 2, 3});
  std::vector<bool> result(rank, false);
  const auto count = static_cast<std::int64_t>(rank);
  for (const std::int64_t axis : axes) {
    result[static_cast<std::size_t>(normalized_axis(axis, count, count - 1))] = true;
  }
  return result;
}

/// y = (x - shift) * factor, in each group.
template <typename T>
class RefNormalization final : public Kernel {
 public:
  explicit RefNormalization(const KernelCase& kernel_case)
      : lp_(kernel_case.op == "LpNormalization"),
        p_(kernel_case.attributes->integer("p", 2)),
        form_(kernel_case.inputs[0].shape, normalized_axes(kernel_case)) {}

  void run(const KernelArgs& args) override {
    for (std::int64_t group = 0; group < form_.count; ++group) {
      const T* x = as<T>(args.inputs[0]) + form_.first(group);
      T* y = as<T>(args.outputs[0]) + form_.first(group);
      const Elements<T> elements(x, form_);
      const Statistics statistics = lp_ ? Statistics{0.0, 0.0} : statistics_of(elements);
      const double divisor = lp_ ? norm(elements) : std::sqrt(statistics.variance) + 1e-9;
      form_.for_each_offset([&](std::int64_t i) {
        y[i] = divisor == 0.0 ? T{0} : static_cast<T>((x[i] - statistics.mean) / divisor);
      });
    }
  }

 private:
  double norm(const Elements<T>& x) const {
    if (p_ == 1) return sum_of(x, [](double value) { return std::abs(value); });
    return std::sqrt(sum_of(x, [](double value) { return value * value; }));
  }

  bool lp_;
  std::int64_t p_;
  ReduceForm form_;
};

}  // namespace

Support ref_group_normalization_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(3, 3).floating().like_input_0(1).like_input_0(2).no_activation();
  if (!checks.ok()) return checks.plain();
  const Shape& x = kernel_case.inputs[0].shape;
  checks.require(x.size() >= 2, "X: expected a rank of at least 2, found shape {}", to_string(x));
  if (!checks.ok()) return checks.plain();
  const std::int64_t groups = groups_of(kernel_case);
  checks.require(groups >= 1 && x[1] % groups == 0,
                 "attribute num_groups: expected a divisor of the {} channels, found {}", x[1],
                 groups);
  for (std::size_t i = 1; checks.ok() && i < 3; ++i) {
    const Shape expected = {scales_of(kernel_case)};
    checks.require(kernel_case.inputs[i].shape == expected, "input {}: expected shape {}, found {}",
                   i, to_string(expected), to_string(kernel_case.inputs[i].shape));
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_group_normalization_create(const KernelCase& kernel_case,
                                                       WeightStore&) {
  if (kernel_case.inputs[0].dtype == DType::kF64) {
    return std::make_unique<RefGroupNormalization<double>>(kernel_case);
  }
  return std::make_unique<RefGroupNormalization<float>>(kernel_case);
}

Support ref_normalization_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).floating().no_activation();
  if (checks.ok()) {
    const std::int64_t p = kernel_case.attributes->integer("p", 2);
    checks.require(p == 1 || p == 2, "attribute p: expected 1 or 2, found {}", p);
    normalized_axes(kernel_case);
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_normalization_create(const KernelCase& kernel_case, WeightStore&) {
  if (kernel_case.inputs[0].dtype == DType::kF64) {
    return std::make_unique<RefNormalization<double>>(kernel_case);
  }
  return std::make_unique<RefNormalization<float>>(kernel_case);
}

}  // namespace widepipe::kernels
