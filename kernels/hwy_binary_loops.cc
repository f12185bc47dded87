#include "kernels/hwy_binary_loops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/hwy_binary_loops.cc"
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace widepipe::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <BinaryOp op, typename V>
HWY_INLINE V combine(V a, V b) {
  if constexpr (op == BinaryOp::kAdd) return hn::Add(a, b);
  if constexpr (op == BinaryOp::kSub) return hn::Sub(a, b);
  if constexpr (op == BinaryOp::kMul) return hn::Mul(a, b);
  if constexpr (op == BinaryOp::kDiv) return hn::Div(a, b);
}

template <BinaryOp op>
HWY_INLINE float combine_one(float a, float b) {
  if constexpr (op == BinaryOp::kAdd) return a + b;
  if constexpr (op == BinaryOp::kSub) return a - b;
  if constexpr (op == BinaryOp::kMul) return a * b;
  if constexpr (op == BinaryOp::kDiv) return a / b;
}

/// In this order of arguments, x86 passes NaN on.
template <typename V>
HWY_INLINE V clamp(V value, V lo, V hi) {
  return hn::Min(hi, hn::Max(lo, value));
}

template <BinaryOp op, bool a_moves, bool b_moves>
void run(const float* a, const float* b, float* y, std::size_t count, const Bounds& bounds) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto lo = hn::Set(d, bounds.lo);
  const auto hi = hn::Set(d, bounds.hi);
  auto va = hn::Set(d, count == 0 ? 0.0F : *a);
  auto vb = hn::Set(d, count == 0 ? 0.0F : *b);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    if constexpr (a_moves) va = hn::LoadU(d, a + i);
    if constexpr (b_moves) vb = hn::LoadU(d, b + i);
    hn::StoreU(clamp(combine<op>(va, vb), lo, hi), d, y + i);
  }
  for (; i < count; ++i) {
    y[i] = bounds.clamp(combine_one<op>(a[a_moves ? i : 0], b[b_moves ? i : 0]));
  }
}

template <BinaryOp op, bool channels_first>
void pixels_of(const float* x, const float* channels, float* y, std::size_t pixels,
               std::size_t block, const Bounds& bounds) {
  const hn::CappedTag<float, 8> d;
  const auto lo = hn::Set(d, bounds.lo);
  const auto hi = hn::Set(d, bounds.hi);
  for (std::size_t c = 0; c < block; c += hn::Lanes(d)) {
    const auto channel = hn::LoadU(d, channels + c);
    for (std::size_t i = c; i < pixels * block; i += block) {
      const auto value = hn::LoadU(d, x + i);
      const auto result =
          channels_first ? combine<op>(channel, value) : combine<op>(value, channel);
      hn::StoreU(clamp(result, lo, hi), d, y + i);
    }
  }
}

template <BinaryOp op>
void run_op(const float* a, std::int64_t a_step, const float* b, std::int64_t b_step, float* y,
            std::size_t count, const Bounds& bounds) {
  if (a_step == 0) {
    run<op, false, true>(a, b, y, count, bounds);
  } else if (b_step == 0) {
    run<op, true, false>(a, b, y, count, bounds);
  } else {
    run<op, true, true>(a, b, y, count, bounds);
  }
}

template <BinaryOp op>
void pixels_op(const float* x, const float* channels, bool channels_first, float* y,
               std::size_t pixels, std::size_t block, const Bounds& bounds) {
  if (channels_first) {
    pixels_of<op, true>(x, channels, y, pixels, block, bounds);
  } else {
    pixels_of<op, false>(x, channels, y, pixels, block, bounds);
  }
}

void binary_run(BinaryOp op, const float* a, std::int64_t a_step, const float* b,
                std::int64_t b_step, float* y, std::size_t count, const Bounds& bounds) {
  switch (op) {
    case BinaryOp::kAdd:
      return run_op<BinaryOp::kAdd>(a, a_step, b, b_step, y, count, bounds);
    case BinaryOp::kSub:
      return run_op<BinaryOp::kSub>(a, a_step, b, b_step, y, count, bounds);
    case BinaryOp::kMul:
      return run_op<BinaryOp::kMul>(a, a_step, b, b_step, y, count, bounds);
    case BinaryOp::kDiv:
      return run_op<BinaryOp::kDiv>(a, a_step, b, b_step, y, count, bounds);
  }
}

void binary_pixels(BinaryOp op, const float* x, const float* channels, bool channels_first,
                   float* y, std::size_t pixels, std::size_t block, const Bounds& bounds) {
  switch (op) {
    case BinaryOp::kAdd:
      return pixels_op<BinaryOp::kAdd>(x, channels, channels_first, y, pixels, block, bounds);
    case BinaryOp::kSub:
      return pixels_op<BinaryOp::kSub>(x, channels, channels_first, y, pixels, block, bounds);
    case BinaryOp::kMul:
      return pixels_op<BinaryOp::kMul>(x, channels, channels_first, y, pixels, block, bounds);
    case BinaryOp::kDiv:
      return pixels_op<BinaryOp::kDiv>(x, channels, channels_first, y, pixels, block, bounds);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace widepipe::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace widepipe::kernels {

HWY_EXPORT(binary_run);
HWY_EXPORT(binary_pixels);

void binary_run(BinaryOp op, const float* a, std::int64_t a_step, const float* b,
                std::int64_t b_step, float* y, std::size_t count, const Bounds& bounds) {
  HWY_DYNAMIC_DISPATCH(binary_run)(op, a, a_step, b, b_step, y, count, bounds);
}

void binary_pixels(BinaryOp op, const float* x, const float* channels, bool channels_first,
                   float* y, std::size_t pixels, std::size_t block, const Bounds& bounds) {
  HWY_DYNAMIC_DISPATCH(binary_pixels)
  (op, x, channels, channels_first, y, pixels, block, bounds);
}

}  // namespace widepipe::kernels
#endif  // HWY_ONCE
