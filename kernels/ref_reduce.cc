#include "kernels/ref_reduce.h"

#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/axes.h"
#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"
#include "kernels/reduce_form.h"

namespace widepipe::kernels {
namespace {

template <typename T>
Sum<T> itself(Sum<T> value) {
  return value;
}

struct SumOp {
  template <typename T>
  static T of(const Elements<T>& x) {
    return static_cast<T>(sum_of(x, itself<T>));
  }
};

struct MeanOp {
  template <typename T>
  static T of(const Elements<T>& x) {
    if constexpr (std::is_integral_v<T>) {
      if (x.count() == 0) return 0;
      using Signed = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
      return static_cast<T>(static_cast<Signed>(sum_of(x, itself<T>)) /
                            static_cast<Signed>(x.count()));
    } else {
      return static_cast<T>(sum_of(x, itself<T>) / static_cast<double>(x.count()));
    }
  }
};

struct SumSquareOp {
  template <typename T>
  static T of(const Elements<T>& x) {
    return static_cast<T>(sum_of(x, [](Sum<T> value) { return value * value; }));
  }
};

struct L1Op {
  template <typename T>
  static T of(const Elements<T>& x) {
    Sum<T> sum = 0;
    x.for_each([&](T value) {
      const auto wide = static_cast<Sum<T>>(value);
      sum += value < T{0} ? -wide : wide;
    });
    return static_cast<T>(sum);
  }
};

struct L2Op {
  template <typename T>
  static T of(const Elements<T>& x) {
    return static_cast<T>(std::sqrt(sum_of(x, [](double value) { return value * value; })));
  }
};

struct LogSumOp {
  template <typename T>
  static T of(const Elements<T>& x) {
    return static_cast<T>(std::log(sum_of(x, itself<T>)));
  }
};

struct ProdOp {
  template <typename T>
  static T of(const Elements<T>& x) {
    Sum<T> product = 1;
    x.for_each([&](T value) { product *= static_cast<Sum<T>>(value); });
    return static_cast<T>(product);
  }
};

/// NaN wins, as in NumPy.
struct MaxOp {
  template <typename T>
  static T of(const Elements<T>& x) {
    using Limits = std::numeric_limits<T>;
    T highest = Limits::has_infinity ? static_cast<T>(-Limits::infinity()) : Limits::lowest();
    x.for_each([&](T value) {
      if (value > highest || value != value) highest = value;
    });
    return highest;
  }
};

struct MinOp {
  template <typename T>
  static T of(const Elements<T>& x) {
    using Limits = std::numeric_limits<T>;
    T lowest = Limits::has_infinity ? Limits::infinity() : Limits::max();
    x.for_each([&](T value) {
      if (value < lowest || value != value) lowest = value;
    });
    return lowest;
  }
};

/// The largest element is taken off first: exp() of a large number would be infinite.
struct LogSumExpOp {
  template <typename T>
  static T of(const Elements<T>& x) {
    const double highest = MaxOp::of(x);
    if (std::isinf(highest)) return static_cast<T>(highest);
    const double sum = sum_of(x, [highest](double value) { return std::exp(value - highest); });
    return static_cast<T>(highest + std::log(sum));
  }
};

/// Axes that a reduction takes away, or keeps with size 1.
std::vector<bool> reduced(const KernelCase& kernel_case) {
  const std::size_t rank = kernel_case.inputs[0].shape.size();
  if (kernel_case.op.starts_with("Arg")) {
    std::vector<bool> result(rank, false);
    const auto axes = static_cast<std::int64_t>(rank);
    const std::int64_t axis = kernel_case.attributes->integer("axis", 0);
    result[static_cast<std::size_t>(normalized_axis(axis, axes, axes - 1))] = true;
    return result;
  }
  if (!has_input(kernel_case, 1)) return reduced_axes(*kernel_case.attributes, rank, {});
  return reduced_axes(*kernel_case.attributes, rank, kernel_case.constants[1]->as<std::int64_t>());
}

template <typename T, typename Op>
class RefReduce final : public Kernel {
 public:
  explicit RefReduce(const KernelCase& kernel_case)
      : form_(kernel_case.inputs[0].shape, reduced(kernel_case)) {}

  void run(const KernelArgs& args) override {
    const T* x = as<T>(args.inputs[0]);
    T* y = as<T>(args.outputs[0]);
    for (std::int64_t i = 0; i < form_.count; ++i) {
      y[i] = Op::of(Elements<T>(x + form_.first(i), form_));
    }
  }

 private:
  ReduceForm form_;
};

template <typename T>
class RefArgReduce final : public Kernel {
 public:
  explicit RefArgReduce(const KernelCase& kernel_case)
      : form_(kernel_case.inputs[0].shape, reduced(kernel_case)),
        highest_(kernel_case.op == "ArgMax"),
        last_(kernel_case.attributes->integer("select_last_index", 0) != 0) {}

  void run(const KernelArgs& args) override {
    const T* x = as<T>(args.inputs[0]);
    auto* y = as<std::int64_t>(args.outputs[0]);
    for (std::int64_t i = 0; i < form_.count; ++i) {
      y[i] = found(x + form_.first(i));
    }
  }

 private:
  std::int64_t found(const T* x) const {
    std::int64_t best = 0;
    for (std::int64_t i = 1; i < form_.length; ++i) {
      const T value = x[i * form_.step];
      const T held = x[best * form_.step];
      if ((highest_ ? value > held : value < held) || (last_ && value == held)) best = i;
    }
    return best;
  }

  ReduceForm form_;
  bool highest_;
  bool last_;
};

template <typename T>
std::unique_ptr<Kernel> create_typed(const KernelCase& kernel_case) {
  const std::string_view op = kernel_case.op;
  if (op == "ReduceSum") return std::make_unique<RefReduce<T, SumOp>>(kernel_case);
  if (op == "ReduceMean") return std::make_unique<RefReduce<T, MeanOp>>(kernel_case);
  if (op == "ReduceMax") return std::make_unique<RefReduce<T, MaxOp>>(kernel_case);
  if (op == "ReduceMin") return std::make_unique<RefReduce<T, MinOp>>(kernel_case);
  if (op == "ReduceProd") return std::make_unique<RefReduce<T, ProdOp>>(kernel_case);
  if (op == "ReduceSumSquare") return std::make_unique<RefReduce<T, SumSquareOp>>(kernel_case);
  if (op == "ReduceL1") return std::make_unique<RefReduce<T, L1Op>>(kernel_case);
  if constexpr (std::is_floating_point_v<T>) {
    if (op == "ReduceL2") return std::make_unique<RefReduce<T, L2Op>>(kernel_case);
    if (op == "ReduceLogSum") return std::make_unique<RefReduce<T, LogSumOp>>(kernel_case);
    return std::make_unique<RefReduce<T, LogSumExpOp>>(kernel_case);
  }
  return nullptr;
}

}  // namespace

Support ref_reduce_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 2).no_activation().constant(1, "axes");
  const std::string_view op = kernel_case.op;
  if (op == "ReduceL2" || op == "ReduceLogSum" || op == "ReduceLogSumExp") {
    checks.floating();
  } else {
    checks.numeric();
  }
  if (checks.ok()) reduced(kernel_case);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_reduce_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() { return create_typed<T>(kernel_case); });
}

Support ref_arg_reduce_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).no_activation();
  if (!checks.ok()) return checks.plain();
  const DType dtype = kernel_case.inputs[0].dtype;
  checks.require(dtype != DType::kBool, "no code for elements of type {}", name_of(dtype))
      .require(kernel_case.outputs[0].dtype == DType::kI64, "output 0: expected i64, found {}",
               name_of(kernel_case.outputs[0].dtype));
  reduced(kernel_case);
  return checks.plain();
}

std::unique_ptr<Kernel> ref_arg_reduce_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() -> std::unique_ptr<Kernel> {
                            return std::make_unique<RefArgReduce<T>>(kernel_case);
                          });
}

}  // namespace widepipe::kernels
