#include "kernels/hwy_rows_loops.h"

#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/hwy_rows_loops.cc"
// Ends of vectors pass through arrays, which vectors of unknown length cannot.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include "kernels/hwy_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace widepipe::kernels {
namespace HWY_NAMESPACE {

/// What is summed in f32 before it goes to a sum in f64.
constexpr std::size_t kPart = 1024;

/// The sum of f(vector of x from i on, i, elements).
template <typename F>
HWY_INLINE double sum_of(const float* x, std::size_t count, float filler, const F& f) {
  const VectorTag d;
  double total = 0.0;
  for (std::size_t first = 0; first < count; first += kPart) {
    Vector sum = hn::Zero(d);
    for_each_vector(x + first, HWY_MIN(kPart, count - first), filler,
                    [&](Vector value, std::size_t i, std::size_t elements) {
                      sum = hn::Add(sum, f(value, first + i, elements));
                    });
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
  }
  return total;
}

void softmax_row(const float* x, float* y, std::size_t count) {
  const VectorTag d;
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  Vector highest = hn::Set(d, kLowest);
  for_each_vector(x, count, kLowest, [&](Vector value, std::size_t, std::size_t) {
    highest = hn::Max(value, highest);
  });
  // The largest is taken off first: exp() of a large number would be infinite.
  highest = hn::Set(d, hn::GetLane(hn::MaxOfLanes(d, highest)));
  const double sum =
      sum_of(x, count, kLowest, [&](Vector value, std::size_t i, std::size_t elements) {
        const Vector share = exp_of(hn::Sub(value, highest));
        store_first(share, elements, y + i);
        return share;
      });
  const Vector factor = hn::Set(d, static_cast<float>(1.0 / sum));
  for_each_vector(y, count, 0.0F, [&](Vector value, std::size_t i, std::size_t elements) {
    store_first(hn::Mul(value, factor), elements, y + i);
  });
}

void layer_norm_row(const float* x, const float* scale, const float* bias, float epsilon, float* y,
                    std::size_t count) {
  const VectorTag d;
  const auto size = static_cast<double>(count);
  const auto itself = [](Vector value, std::size_t, std::size_t) { return value; };
  const auto mean = static_cast<float>(sum_of(x, count, 0.0F, itself) / size);
  const Vector shift = hn::Set(d, mean);
  // Fillers are equal to the mean, and add nothing.
  const double squares = sum_of(x, count, mean, [&](Vector value, std::size_t, std::size_t) {
    const Vector away = hn::Sub(value, shift);
    return hn::Mul(away, away);
  });
  const Vector factor = hn::Set(
      d, static_cast<float>(1.0 / std::sqrt(squares / size + static_cast<double>(epsilon))));
  for_each_vector(scale, count, 0.0F, [&](Vector slope, std::size_t i, std::size_t elements) {
    const auto part = [&](const float* from) {
      Vector result = hn::Zero(d);
      for_each_vector(from + i, elements, 0.0F,
                      [&](Vector value, std::size_t, std::size_t) { result = value; });
      return result;
    };
    const Vector normal = hn::Mul(hn::Sub(part(x), shift), factor);
    const Vector offset = bias == nullptr ? hn::Zero(d) : part(bias);
    store_first(hn::MulAdd(normal, slope, offset), elements, y + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace widepipe::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace widepipe::kernels {

HWY_EXPORT(softmax_row);
HWY_EXPORT(layer_norm_row);

void softmax_row(const float* x, float* y, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(softmax_row)(x, y, count);
}

void layer_norm_row(const float* x, const float* scale, const float* bias, float epsilon, float* y,
                    std::size_t count) {
  HWY_DYNAMIC_DISPATCH(layer_norm_row)(x, scale, bias, epsilon, y, count);
}

}  // namespace widepipe::kernels
#endif  // HWY_ONCE
