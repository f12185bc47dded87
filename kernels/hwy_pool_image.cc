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

/// The outputs of one line along the last axis. `x` is pixel 0 of the image; `first` and
/// `second` are the positions of the line on the other axes.
template <std::int64_t kBlock, bool kMax>
HWY_INLINE void pool_line(const PoolImage& image, std::int64_t first, std::int64_t second,
                          float* HWY_RESTRICT y) {
  using D = hn::CappedTag<float, kBlock>;
  constexpr std::int64_t kLanes = hn::MaxLanes(D());
  constexpr std::int64_t kVectors = kBlock / kLanes;
  const D d;
  const auto& [outer, middle, inner] = image.axes;
  const Range planes = outer.taps[first];
  const Range lines = middle.taps[second];
  const float divisor = outer.divisor[first] * middle.divisor[second];
  for (std::int64_t o = 0; o < inner.window.out; ++o, y += kBlock) {
    const Range pixels = inner.taps[o];
    hn::Vec<D> result[kVectors];
    for (auto& v : result) {
      v = hn::Set(d, kMax ? -std::numeric_limits<float>::infinity() : 0.0F);
    }
    for (std::int64_t i = planes.begin; i < planes.end; ++i) {
      const std::int64_t plane = outer.window.start(first) + i * outer.window.dilation;
      for (std::int64_t j = lines.begin; j < lines.end; ++j) {
        const std::int64_t line =
            plane * middle.window.in + middle.window.start(second) + j * middle.window.dilation;
        const std::int64_t pixel = line * inner.window.in + inner.window.start(o);
        for (std::int64_t k = pixels.begin; k < pixels.end; ++k) {
          const float* x = image.x + (pixel + k * inner.window.dilation) * kBlock;
          for (std::int64_t v = 0; v < kVectors; ++v) {
            const auto value = hn::Load(d, x + v * kLanes);
            result[v] = kMax ? hn::Max(value, result[v]) : hn::Add(value, result[v]);
          }
        }
      }
    }
    const auto count = hn::Set(d, divisor * inner.divisor[o]);
    for (std::int64_t v = 0; v < kVectors; ++v) {
      hn::Store(kMax ? result[v] : hn::Div(result[v], count), d, y + v * kLanes);
    }
  }
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
