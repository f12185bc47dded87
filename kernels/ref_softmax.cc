#include "kernels/ref_softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/checks.h"
#include "kernels/reduce_form.h"

namespace widepipe::kernels {
namespace {

/// The elements that share a sum: those along the axis, or, up to version 12, along all axes from
/// it on.
ReduceForm softmax_form(const KernelCase& kernel_case) {
  const Shape& x = kernel_case.inputs[0].shape;
  const auto rank = static_cast<std::int64_t>(x.size());
  const bool old = kernel_case.version < 13;
  const auto axis = static_cast<std::size_t>(normalized_axis(
      kernel_case.attributes->integer("axis", old ? 1 : -1), rank, old ? rank : rank - 1));
  std::vector<bool> taken(x.size(), false);
  std::fill(taken.begin() + static_cast<std::ptrdiff_t>(axis), taken.end(), old);
  if (!old) taken[axis] = true;
  return {x, taken};
}

template <typename T>
T highest_of(const T* x, const ReduceForm& form) {
  T highest = -std::numeric_limits<T>::infinity();
  form.for_each_offset([&](std::int64_t i) { highest = std::max(highest, x[i]); });
  return highest;
}

// The largest value is taken off first: exp() of a large number would be infinite.

struct SoftmaxOp {
  template <typename T>
  static void of(const T* x, T* y, const ReduceForm& form) {
    const T highest = highest_of(x, form);
    double sum = 0.0;
    form.for_each_offset([&](std::int64_t i) {
      y[i] = std::exp(x[i] - highest);
      sum += y[i];
    });
    form.for_each_offset([&](std::int64_t i) { y[i] = static_cast<T>(y[i] / sum); });
  }
};

struct LogSoftmaxOp {
  template <typename T>
  static void of(const T* x, T* y, const ReduceForm& form) {
    const T highest = highest_of(x, form);
    double sum = 0.0;
    form.for_each_offset([&](std::int64_t i) { sum += std::exp(x[i] - highest); });
    const double log_of_sum = std::log(sum);
    form.for_each_offset(
        [&](std::int64_t i) { y[i] = static_cast<T>(x[i] - highest - log_of_sum); });
  }
};

/// 1 at the first of the largest.
struct HardmaxOp {
  template <typename T>
  static void of(const T* x, T* y, const ReduceForm& form) {
    const T highest = highest_of(x, form);
    bool found = false;
    form.for_each_offset([&](std::int64_t i) {
      const bool first = !found && x[i] == highest;
      found = found || first;
      y[i] = first ? T{1} : T{0};
    });
  }
};

template <typename T, typename Op>
class RefSoftmax final : public Kernel {
 public:
  explicit RefSoftmax(const KernelCase& kernel_case) : form_(softmax_form(kernel_case)) {}

  void run(const KernelArgs& args) override {
    for (std::int64_t group = 0; group < form_.count; ++group) {
      const std::int64_t first = form_.first(group);
      Op::of(as<T>(args.inputs[0]) + first, as<T>(args.outputs[0]) + first, form_);
    }
  }

 private:
  ReduceForm form_;
};

template <typename T>
std::unique_ptr<Kernel> create_typed(const KernelCase& kernel_case) {
  if (kernel_case.op == "LogSoftmax") {
    return std::make_unique<RefSoftmax<T, LogSoftmaxOp>>(kernel_case);
  }
  if (kernel_case.op == "Hardmax") return std::make_unique<RefSoftmax<T, HardmaxOp>>(kernel_case);
  return std::make_unique<RefSoftmax<T, SoftmaxOp>>(kernel_case);
}

}  // namespace

Support ref_softmax_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).floating().no_activation();
  if (checks.ok()) softmax_form(kernel_case);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_softmax_create(const KernelCase& kernel_case, WeightStore&) {
  return kernel_case.inputs[0].dtype == DType::kF64 ? create_typed<double>(kernel_case)
                                                    : create_typed<float>(kernel_case);
}

}  // namespace widepipe::kernels
