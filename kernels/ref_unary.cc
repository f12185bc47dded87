#include "kernels/ref_unary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <type_traits>

#include "kernels/checks.h"
#include "kernels/dtype_dispatch.h"

namespace widepipe::kernels {
namespace {

/// The attributes alpha and beta (Selu: gamma) of a function, or what they are when absent.
struct Params {
  float alpha = 0.0F;
  float beta = 0.0F;
};

template <typename T>
using Loop = void (*)(const T* x, T* y, std::int64_t count, const Params& params);

/// y[i] = f(x[i]). One element after the other: a vector form of a function would round
/// differently, and where it begins and ends would depend on the rows.
template <typename T, auto f>
void apply(const T* x, T* y, std::int64_t count, const Params& params) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = f(x[i], params);
}

struct Function {
  std::string_view op;
  Loop<float> f32;
  Loop<double> f64;
  Params absent = {};
};

/// `f` takes an element of either type and the Params.
template <auto f>
constexpr Function line(std::string_view op, Params absent = {}) {
  return {op, apply<float, f>, apply<double, f>, absent};
}

template <typename T>
T between(T x, T lo, T hi) {
  const T raised = x < lo ? lo : x;
  return raised > hi ? hi : raised;
}

template <typename T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}

/// log(1 + exp(x)), also where exp(x) is infinite.
template <typename T>
T softplus(T x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

template <typename T>
T sign(T x) {
  if (x > 0) return 1;
  return x < 0 ? static_cast<T>(-1) : x;  // of NaN and of -0, themselves
}

/// x times the share of a normal distribution below x.
template <typename T>
T gelu(T x) {
  return x / 2 * (1 + std::erf(x * (std::numbers::sqrt2_v<T> / 2)));
}

template <typename T>
T gelu_by_tanh(T x) {
  const T factor = std::numbers::sqrt2_v<T> * std::numbers::inv_sqrtpi_v<T>;
  return x / 2 * (1 + std::tanh(factor * (x + static_cast<T>(0.044715) * x * x * x)));
}

constexpr auto kFunctions = std::to_array<Function>({
    line<[](auto x, const Params&) { return std::abs(x); }>("Abs"),
    line<[](auto x, const Params&) { return std::acos(x); }>("Acos"),
    line<[](auto x, const Params&) { return std::acosh(x); }>("Acosh"),
    line<[](auto x, const Params&) { return std::asin(x); }>("Asin"),
    line<[](auto x, const Params&) { return std::asinh(x); }>("Asinh"),
    line<[](auto x, const Params&) { return std::atan(x); }>("Atan"),
    line<[](auto x, const Params&) { return std::atanh(x); }>("Atanh"),
    line<[](auto x, const Params&) { return std::ceil(x); }>("Ceil"),
    line<[](auto x, const Params& p) {
      const decltype(x) alpha = p.alpha;
      return (x > 0) ? x : alpha * std::expm1(x / alpha);
    }>("Celu", {.alpha = 1.0F}),
    line<[](auto x, const Params&) { return std::cos(x); }>("Cos"),
    line<[](auto x, const Params&) { return std::cosh(x); }>("Cosh"),
    line<[](auto x, const Params& p) { return x >= 0 ? x : p.alpha * std::expm1(x); }>(
        "Elu", {.alpha = 1.0F}),
    line<[](auto x, const Params&) { return std::erf(x); }>("Erf"),
    line<[](auto x, const Params&) { return std::exp(x); }>("Exp"),
    line<[](auto x, const Params&) { return std::floor(x); }>("Floor"),
    line<[](auto x, const Params& p) {
      const decltype(x) y = p.alpha * x + p.beta;
      return between(y, decltype(x){0}, decltype(x){1});
    }>("HardSigmoid", {.alpha = 0.2F, .beta = 0.5F}),
    line<[](auto x, const Params&) {
      using T = decltype(x);
      return x * between(x / 6 + static_cast<T>(0.5), T{0}, T{1});
    }>("HardSwish"),
    line<[](auto x, const Params& p) { return x >= 0 ? x : p.alpha * x; }>("LeakyRelu",
                                                                           {.alpha = 0.01F}),
    line<[](auto x, const Params&) { return std::log(x); }>("Log"),
    line<[](auto x, const Params&) { return x * std::tanh(softplus(x)); }>("Mish"),
    line<[](auto x, const Params&) { return -x; }>("Neg"),
    line<[](auto x, const Params&) { return 1 / x; }>("Reciprocal"),
    // To even, where two integers are equally near.
    line<[](auto x, const Params&) { return std::nearbyint(x); }>("Round"),
    line<[](auto x, const Params& p) { return p.beta * ((x > 0) ? x : p.alpha * std::expm1(x)); }>(
        "Selu", {.alpha = 1.67326319217681884765625F, .beta = 1.05070102214813232421875F}),
    line<[](auto x, const Params&) { return sigmoid(x); }>("Sigmoid"),
    line<[](auto x, const Params&) { return sign(x); }>("Sign"),
    line<[](auto x, const Params&) { return std::sin(x); }>("Sin"),
    line<[](auto x, const Params&) { return std::sinh(x); }>("Sinh"),
    line<[](auto x, const Params&) { return softplus(x); }>("Softplus"),
    line<[](auto x, const Params&) { return x / (1 + std::abs(x)); }>("Softsign"),
    line<[](auto x, const Params&) { return std::sqrt(x); }>("Sqrt"),
    line<[](auto x, const Params&) { return std::tan(x); }>("Tan"),
    line<[](auto x, const Params&) { return std::tanh(x); }>("Tanh"),
    line<[](auto x, const Params& p) { return (x > p.alpha) ? x : decltype(x){0}; }>(
        "ThresholdedRelu", {.alpha = 1.0F}),
});
constexpr Function kGelu = line<[](auto x, const Params&) { return gelu(x); }>("Gelu");
constexpr Function kGeluByTanh =
    line<[](auto x, const Params&) { return gelu_by_tanh(x); }>("Gelu");

const Function& function_of(const KernelCase& kernel_case) {
  if (kernel_case.op == "Gelu") {
    const bool by_tanh = kernel_case.attributes->text("approximate", "none") == "tanh";
    return by_tanh ? kGeluByTanh : kGelu;
  }
  return *std::find_if(kFunctions.begin(), kFunctions.end(),
                       [&](const Function& line) { return line.op == kernel_case.op; });
}

Params params_of(const KernelCase& kernel_case) {
  const Params& absent = function_of(kernel_case).absent;
  return {.alpha = kernel_case.attributes->real("alpha", absent.alpha),
          .beta = kernel_case.attributes->real(kernel_case.op == "Selu" ? "gamma" : "beta",
                                               absent.beta)};
}

template <typename T>
class RefFunction final : public Kernel {
 public:
  RefFunction(std::int64_t count, Loop<T> loop, const Params& params)
      : count_(count), loop_(loop), params_(params) {}

  void run(const KernelArgs& args) override {
    loop_(as<T>(args.inputs[0]), as<T>(args.outputs[0]), count_, params_);
  }

 private:
  std::int64_t count_;
  Loop<T> loop_;
  Params params_;
};

using Bool = std::uint8_t;

/// y[i] = f(x[i]).
template <typename X, typename Y, typename F>
class RefMap final : public Kernel {
 public:
  RefMap(std::int64_t count, F f) : count_(count), f_(f) {}

  void run(const KernelArgs& args) override {
    const X* x = as<X>(args.inputs[0]);
    std::transform(x, x + count_, as<Y>(args.outputs[0]), f_);
  }

 private:
  std::int64_t count_;
  F f_;
};

template <typename X, typename Y, typename F>
std::unique_ptr<Kernel> map_of(const KernelCase& kernel_case, F f) {
  return std::make_unique<RefMap<X, Y, F>>(element_count(kernel_case.inputs[0].shape), f);
}

/// Abs, Neg, Sign of integers. The lowest integer has no counterpart: it stays.
template <typename T>
std::unique_ptr<Kernel> create_of_integers(const KernelCase& kernel_case) {
  const auto negative = [](T x) { return static_cast<T>(-static_cast<std::uint64_t>(x)); };
  if (kernel_case.op == "Sign") return map_of<T, T>(kernel_case, sign<T>);
  if (kernel_case.op == "Neg") return map_of<T, T>(kernel_case, negative);
  return map_of<T, T>(kernel_case, [negative](T x) { return x < T{0} ? negative(x) : x; });
}

template <typename T>
std::unique_ptr<Kernel> create_typed(const KernelCase& kernel_case) {
  const Function& function = function_of(kernel_case);
  const std::int64_t count = element_count(kernel_case.inputs[0].shape);
  if constexpr (std::is_same_v<T, float>) {
    return std::make_unique<RefFunction<T>>(count, function.f32, params_of(kernel_case));
  } else if constexpr (std::is_same_v<T, double>) {
    return std::make_unique<RefFunction<T>>(count, function.f64, params_of(kernel_case));
  } else {
    return create_of_integers<T>(kernel_case);
  }
}

template <typename T>
std::unique_ptr<Kernel> create_predicate(const KernelCase& kernel_case) {
  if (kernel_case.op == "IsNaN") {
    return map_of<T, Bool>(kernel_case, [](T x) -> Bool { return std::isnan(x) ? 1 : 0; });
  }
  const bool negative = kernel_case.attributes->integer("detect_negative", 1) != 0;
  const bool positive = kernel_case.attributes->integer("detect_positive", 1) != 0;
  return map_of<T, Bool>(kernel_case, [negative, positive](T x) -> Bool {
    return std::isinf(x) && (x < 0 ? negative : positive) ? 1 : 0;
  });
}

}  // namespace

Support ref_unary_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).no_activation();
  const bool of_integers =
      kernel_case.op == "Abs" || kernel_case.op == "Neg" || kernel_case.op == "Sign";
  if (of_integers) {
    checks.numeric();
  } else {
    checks.floating();
  }
  if (checks.ok()) {
    const std::string form = kernel_case.attributes->text("approximate", "none");
    checks.require(form == "none" || form == "tanh",
                   "attribute approximate: expected none or tanh, found {}", form);
    params_of(kernel_case);
  }
  return checks.plain();
}

std::unique_ptr<Kernel> ref_unary_create(const KernelCase& kernel_case, WeightStore&) {
  return dispatch_numeric(kernel_case.inputs[0].dtype,
                          [&]<typename T>() { return create_typed<T>(kernel_case); });
}

Support ref_predicate_supports(const KernelCase& kernel_case) {
  Checks checks(kernel_case);
  checks.arity(1, 1).no_activation();
  if (!checks.ok()) return checks.plain();
  const DType dtype = kernel_case.inputs[0].dtype;
  const bool fits = kernel_case.op == "Not" ? dtype == DType::kBool
                                            : dtype == DType::kF32 || dtype == DType::kF64;
  checks.require(fits, "no code for elements of type {}", name_of(dtype))
      .require(kernel_case.outputs[0].dtype == DType::kBool, "output 0: expected bool, found {}",
               name_of(kernel_case.outputs[0].dtype));
  return checks.plain();
}

std::unique_ptr<Kernel> ref_predicate_create(const KernelCase& kernel_case, WeightStore&) {
  switch (kernel_case.inputs[0].dtype) {
    case DType::kF32:
      return create_predicate<float>(kernel_case);
    case DType::kF64:
      return create_predicate<double>(kernel_case);
    default:
      return map_of<Bool, Bool>(kernel_case, [](Bool x) -> Bool { return x == 0 ? 1 : 0; });
  }
}

}  // namespace widepipe::kernels
