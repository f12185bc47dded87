#include "kernels/hwy_unary_loops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/hwy_unary_loops.cc"
// Ends of vectors pass through arrays, which vectors of unknown length cannot.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include "kernels/hwy_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace widepipe::kernels {
namespace HWY_NAMESPACE {

template <typename F>
void apply(const float* x, float* y, std::size_t count, const F& f) {
  for_each_vector(x, count, 0.0F, [&](Vector value, std::size_t i, std::size_t elements) {
    store_first(f(value), elements, y + i);
  });
}

/// The share alpha x + beta, from 0 to 1.
HWY_INLINE Vector share_of(Vector x, float alpha, float beta) {
  const VectorTag d;
  return between(0.0F, hn::Add(hn::Mul(x, hn::Set(d, alpha)), hn::Set(d, beta)), 1.0F);
}

void unary_all(UnaryFunction function, float alpha, float beta, const float* x, float* y,
               std::size_t count) {
  switch (function) {
    case UnaryFunction::kErf:
      return apply(x, y, count, [](Vector value) { return erf_of(value); });
    case UnaryFunction::kExp:
      return apply(x, y, count, [](Vector value) { return exp_of(value); });
    case UnaryFunction::kHardSigmoid:
      return apply(x, y, count,
                   [alpha, beta](Vector value) { return share_of(value, alpha, beta); });
    case UnaryFunction::kHardSwish:
      return apply(x, y, count,
                   [](Vector value) { return hn::Mul(value, share_of(value, 1.0F / 6.0F, 0.5F)); });
    case UnaryFunction::kSigmoid:
      return apply(x, y, count, [](Vector value) { return sigmoid_of(value); });
    case UnaryFunction::kTanh:
      return apply(x, y, count, [](Vector value) { return tanh_of(value); });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace widepipe::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace widepipe::kernels {

HWY_EXPORT(unary_all);

void unary_all(UnaryFunction function, float alpha, float beta, const float* x, float* y,
               std::size_t count) {
  HWY_DYNAMIC_DISPATCH(unary_all)(function, alpha, beta, x, y, count);
}

}  // namespace widepipe::kernels
#endif  // HWY_ONCE
