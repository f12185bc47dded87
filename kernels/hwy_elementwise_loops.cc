#include "kernels/hwy_elementwise_loops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/hwy_elementwise_loops.cc"
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace widepipe::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void clamp_all(const float* x, float* y, std::size_t count, const Bounds& bounds) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto lo = hn::Set(d, bounds.lo);
  const auto hi = hn::Set(d, bounds.hi);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    // In this order of arguments, x86 passes NaN on.
    hn::StoreU(hn::Min(hi, hn::Max(lo, hn::LoadU(d, x + i))), d, y + i);
  }
  for (; i < count; ++i) y[i] = bounds.clamp(x[i]);
}

}  // namespace HWY_NAMESPACE
}  // namespace widepipe::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace widepipe::kernels {

HWY_EXPORT(clamp_all);

void clamp_all(const float* x, float* y, std::size_t count, const Bounds& bounds) {
  HWY_DYNAMIC_DISPATCH(clamp_all)(x, y, count, bounds);
}

}  // namespace widepipe::kernels
#endif  // HWY_ONCE
