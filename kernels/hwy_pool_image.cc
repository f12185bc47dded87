#include "kernels/hwy_pool_image.h"

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/hwy_pool_image.cc"
// Sums are arrays of vectors, which vectors of unknown length cannot form.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace widepipe::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// A block of channels of one pixel, as vectors, on its way to a maximum or an average.
template <std::int64_t kBlock, bool kMax>
struct PoolSum {
  using D = hn::CappedTag<float, kBlock>;
  static constexpr std::int64_t kLanes = hn::MaxLanes(D());
  static constexpr std::int64_t kVectors = kBlock / kLanes;

  HWY_INLINE PoolSum() {
    for (auto& v : result) {
      v = hn::Set(D(), kMax ? -std::numeric_limits<float>::infinity() : 0.0F);
    }
  }
  HWY_INLINE void add(const float* x) {
    for (std::int64_t v = 0; v < kVectors; ++v) {
      const auto value = hn::Load(D(), x + v * kLanes);
      result[v] = kMax ? hn::Max(value, result[v]) : hn::Add(value, result[v]);
    }
  }
  HWY_INLINE void store(float divisor, float* HWY_RESTRICT y) const {
    const auto count = hn::Set(D(), divisor);
    for (std::int64_t v = 0; v < kVectors; ++v) {
      hn::Store(kMax ? result[v] : hn::Div(result[v], count), D(), y + v * kLanes);
    }
  }

  hn::Vec<D> result[kVectors];
};

/// One output, whatever its window.
template <std::int64_t kBlock, bool kMax>
HWY_INLINE void pool_pixel(const PoolImage& image, std::int64_t first, std::int64_t second,
                           std::int64_t third, float* HWY_RESTRICT y) {
  const auto& [outer, middle, inner] = image.axes;
  const Range planes = outer.taps[first];
  const Range lines = middle.taps[second];
  const Range pixels = inner.taps[third];
  const std::int64_t step = inner.window.dilation * kBlock;
  const std::int64_t line_step = middle.window.dilation * inner.window.in * kBlock;
  PoolSum<kBlock, kMax> sum;
  for (std::int64_t i = planes.begin; i < planes.end; ++i) {
    const std::int64_t plane = outer.window.start(first) + i * outer.window.dilation;
    const std::int64_t line = plane * middle.window.in + middle.window.start(second);
    const float* x = image.x + (line * inner.window.in + inner.window.start(third)) * kBlock +
                     lines.begin * line_step + pixels.begin * step;
    for (std::int64_t j = lines.begin; j < lines.end; ++j, x += line_step) {
      const float* tap = x;
      for (std::int64_t k = pixels.begin; k < pixels.end; ++k, tap += step) sum.add(tap);
    }
  }
  sum.store(outer.divisor[first] * middle.divisor[second] * inner.divisor[third], y);
}

/// Some neighbouring outputs whose windows are squares of kTaps by kTaps neighbours. `x` is the
/// first pixel of the first window; lines and windows lie `line` and `step` elements apart.
template <std::int64_t kBlock, bool kMax, std::int64_t kTaps>
HWY_INLINE void pool_squares(const float* x, std::int64_t line, std::int64_t step,
                             std::int64_t outputs, float divisor, float* HWY_RESTRICT y) {
  for (std::int64_t o = 0; o < outputs; ++o, x += step, y += kBlock) {
    PoolSum<kBlock, kMax> sum;
#pragma GCC unroll 3
    for (std::int64_t j = 0; j < kTaps; ++j) {
#pragma GCC unroll 3
      for (std::int64_t k = 0; k < kTaps; ++k) sum.add(x + j * line + k * kBlock);
    }
    sum.store(divisor, y);
  }
}

HWY_INLINE std::int64_t pool_taps(const PoolAxis& axis, std::int64_t o) {
  return axis.taps[o].end - axis.taps[o].begin;
}

/// The outputs of one line along the last axis. `first` and `second` are the positions of the line
/// on the other axes.
template <std::int64_t kBlock, bool kMax>
HWY_INLINE void pool_line(const PoolImage& image, std::int64_t first, std::int64_t second,
                          float* HWY_RESTRICT y) {
  const auto& [outer, middle, inner] = image.axes;
  const std::int64_t outputs = inner.window.out;
  const std::int64_t taps = inner.window.kernel;
  std::int64_t o = 0;
  const auto up_to = [&](std::int64_t end) HWY_ATTR {
    for (; o < end; ++o) pool_pixel<kBlock, kMax>(image, first, second, o, y + o * kBlock);
  };
  const bool squares = (taps == 2 || taps == 3) && pool_taps(outer, first) == 1 &&
                       pool_taps(middle, second) == taps && middle.window.dilation == 1 &&
                       inner.window.dilation == 1;
  if (squares) {
    std::int64_t begin = 0;
    std::int64_t end = outputs;
    while (begin < end && pool_taps(inner, begin) < taps) ++begin;
    while (begin < end && pool_taps(inner, end - 1) < taps) --end;
    up_to(begin);
    if (begin < end) {
      const std::int64_t plane =
          outer.window.start(first) + outer.taps[first].begin * outer.window.dilation;
      const std::int64_t line =
          plane * middle.window.in + middle.window.start(second) + middle.taps[second].begin;
      const std::int64_t pixel = line * inner.window.in + inner.window.start(begin);
      const float* x = image.x + pixel * kBlock;
      const std::int64_t line_step = inner.window.in * kBlock;
      const std::int64_t step = inner.window.stride * kBlock;
      const float divisor = outer.divisor[first] * middle.divisor[second] * inner.divisor[begin];
      float* const to = y + begin * kBlock;
      if (taps == 2) {
        pool_squares<kBlock, kMax, 2>(x, line_step, step, end - begin, divisor, to);
      } else {
        pool_squares<kBlock, kMax, 3>(x, line_step, step, end - begin, divisor, to);
      }
      o = end;
    }
  }
  up_to(outputs);
}

template <std::int64_t kBlock, bool kMax>
HWY_INLINE void pool_lines(const PoolImage& image) {
  const auto& [outer, middle, inner] = image.axes;
  float* y = image.y;
  for (std::int64_t i = 0; i < outer.window.out; ++i) {
    for (std::int64_t j = 0; j < middle.window.out; ++j, y += inner.window.out * kBlock) {
      pool_line<kBlock, kMax>(image, i, j, y);
    }
  }
}

void pool_image(const PoolImage& image) {
  if (image.block == 8) {
    image.max ? pool_lines<8, true>(image) : pool_lines<8, false>(image);
  } else {
    image.max ? pool_lines<16, true>(image) : pool_lines<16, false>(image);
  }
}

std::size_t vector_lanes() { return hn::Lanes(hn::ScalableTag<float>()); }

}  // namespace HWY_NAMESPACE
}  // namespace widepipe::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace widepipe::kernels {

HWY_EXPORT(pool_image);
HWY_EXPORT(vector_lanes);

void pool_image(const PoolImage& image) { HWY_DYNAMIC_DISPATCH(pool_image)(image); }
std::size_t vector_lanes() { return HWY_DYNAMIC_DISPATCH(vector_lanes)(); }

}  // namespace widepipe::kernels
#endif  // HWY_ONCE
