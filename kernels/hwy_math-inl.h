// Functions of vectors of f32, good to 6e-7 of the result. NaN gives NaN. Made for the target that
// is compiled at the time: included by every loops file after highway.h, inside no namespace.

#if defined(WIDEPIPE_KERNELS_HWY_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WIDEPIPE_KERNELS_HWY_MATH_INL_H_
#undef WIDEPIPE_KERNELS_HWY_MATH_INL_H_
#else
#define WIDEPIPE_KERNELS_HWY_MATH_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace widepipe::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using VectorTag = hn::ScalableTag<float>;
using Vector = hn::Vec<VectorTag>;

/// c[0] + c[1] x + c[2] x^2 ...
template <std::size_t kTerms>
HWY_INLINE Vector polynomial(Vector x, const float (&c)[kTerms]) {
  const VectorTag d;
  Vector sum = hn::Set(d, c[kTerms - 1]);
  for (std::size_t i = kTerms - 1; i-- > 0;) sum = hn::MulAdd(sum, x, hn::Set(d, c[i]));
  return sum;
}

/// In this order of arguments, x86 passes NaN on.
HWY_INLINE Vector between(float lo, Vector x, float hi) {
  const VectorTag d;
  return hn::Min(hn::Set(d, hi), hn::Max(hn::Set(d, lo), x));
}

/// 2^n for n of -126 to 127.
HWY_INLINE Vector power_of_two(hn::Vec<hn::RebindToSigned<VectorTag>> n) {
  const hn::RebindToSigned<VectorTag> di;
  return hn::BitCast(VectorTag(), hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127))));
}

/// exp(x) = 2^n exp(r), with x = n ln 2 + r and r at most half of ln 2.
HWY_INLINE Vector exp_of(Vector x) {
  const VectorTag d;
  const hn::RebindToSigned<VectorTag> di;
  // Beyond these ends the result is 0 or infinite.
  const Vector inside = between(-104.0F, x, 89.0F);
  const Vector n = hn::Round(hn::Mul(inside, hn::Set(d, 1.44269504F)));
  // ln 2 in two parts, of which n times the first is exact.
  Vector r = hn::NegMulAdd(n, hn::Set(d, 0.693359375F), inside);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4F), r);
  // (exp(r) - 1 - r) / r^2, fitted.
  constexpr float kRest[] = {0.49999988F, 0.16666518F, 0.04166953F, 0.00836892F, 0.00137514F};
  const Vector rest = polynomial(r, kRest);
  const Vector y = hn::Add(hn::MulAdd(hn::Mul(r, r), rest, r), hn::Set(d, 1.0F));
  // In two steps, as 2^n itself may be out of range where the result is not.
  const auto whole = hn::ConvertTo(di, n);
  const auto half = hn::ShiftRight<1>(whole);
  return hn::Mul(hn::Mul(y, power_of_two(half)), power_of_two(hn::Sub(whole, half)));
}

HWY_INLINE Vector sigmoid_of(Vector x) {
  const Vector one = hn::Set(VectorTag(), 1.0F);
  return hn::Div(one, hn::Add(one, exp_of(hn::Neg(x))));
}

/// x p(x^2) / q(x^2) up to `end`, from where on it is 1.
template <std::size_t kP, std::size_t kQ>
HWY_INLINE Vector odd_ratio(Vector x, float end, const float (&p)[kP], const float (&q)[kQ]) {
  const VectorTag d;
  const Vector one = hn::Set(d, 1.0F);
  const Vector inside = between(-end, x, end);
  const Vector square = hn::Mul(inside, inside);
  const Vector y = hn::Div(hn::Mul(inside, polynomial(square, p)), polynomial(square, q));
  return hn::IfThenElse(hn::Ge(hn::Abs(x), hn::Set(d, end)), hn::CopySign(one, x),
                        between(-1.0F, y, 1.0F));
}

/// Fitted, as the next one.
HWY_INLINE Vector erf_of(Vector x) {
  constexpr float kP[] = {1.1283791F,  0.1904029F,   0.05274825F,
                          0.00376546F, 2.848791e-4F, 2.0501136e-6F};
  constexpr float kQ[] = {1.0F,        0.50207293F,   0.11410764F,
                          0.01496891F, 0.0011624977F, 3.8091794e-5F};
  return odd_ratio(x, 3.92F, kP, kQ);
}

HWY_INLINE Vector tanh_of(Vector x) {
  constexpr float kP[] = {1.0F,         0.13680391F,   0.003868925F,
                          2.801952e-5F, 3.0614064e-8F, -1.222504e-11F};
  constexpr float kQ[] = {1.0F, 0.47013724F, 0.027248023F, 3.9396842e-4F, 1.2882098e-6F};
  return odd_ratio(x, 9.01F, kP, kQ);
}

/// Calls f(vector of x from i on, i, elements) for all of x. What does not fill a vector gets
/// `filler` behind it, so that it takes the same way as the rest.
template <typename F>
HWY_INLINE void for_each_vector(const float* x, std::size_t count, float filler, const F& f) {
  const VectorTag d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) f(hn::LoadU(d, x + i), i, lanes);
  if (i == count) return;
  HWY_ALIGN float rest[hn::MaxLanes(VectorTag())];
  hn::Store(hn::Set(d, filler), d, rest);
  for (std::size_t j = i; j < count; ++j) rest[j - i] = x[j];
  f(hn::Load(d, rest), i, count - i);
}

/// The first `count` elements of a vector.
HWY_INLINE void store_first(Vector value, std::size_t count, float* y) {
  const VectorTag d;
  if (count == hn::Lanes(d)) return hn::StoreU(value, d, y);
  HWY_ALIGN float rest[hn::MaxLanes(VectorTag())];
  hn::Store(value, d, rest);
  for (std::size_t j = 0; j < count; ++j) y[j] = rest[j];
}

}  // namespace HWY_NAMESPACE
}  // namespace widepipe::kernels
HWY_AFTER_NAMESPACE();

#endif  // per target
