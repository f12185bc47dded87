#include "kernels/hwy_gemm_block.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/hwy_gemm_block.cc"
// Tiles are arrays of vectors, which vectors of unknown length cannot form.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace widepipe::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr std::size_t kLanes = hn::MaxLanes(D());
constexpr std::size_t kVectors = 2;  // of a panel's row
constexpr std::size_t kPanelColumns = kLanes * kVectors;
// kRows * kVectors accumulators, a row of the panel and a broadcast fill 16 or 32 registers.
constexpr std::size_t kRows = HWY_TARGET <= HWY_AVX3 ? 12 : 6;
// A panel's part of this depth (16 KB with AVX2) stays in the first-level cache while the rows
// pass over it.
constexpr std::size_t kDepth = 256;

struct DepthRange {
  std::size_t begin;
  std::size_t end;
  bool first;
  bool last;
};

// No templates of the standard library from here on: an instance that is compiled with, say,
// AVX-512 could be the one that the linker keeps for the whole program.

// The end of a row is rare: inlined into every tile, it would be most of the code.
HWY_NOINLINE V load_end(const float* from, std::size_t count) {
  HWY_ALIGN float lanes[kLanes] = {};
  for (std::size_t i = 0; i < count; ++i) lanes[i] = from[i];
  return hn::Load(D(), lanes);
}

HWY_NOINLINE void store_end(V v, float* to, std::size_t count) {
  HWY_ALIGN float lanes[kLanes];
  hn::Store(v, D(), lanes);
  for (std::size_t i = 0; i < count; ++i) to[i] = lanes[i];
}

HWY_INLINE V load_some(const float* from, std::size_t count) {
  return count == kLanes ? hn::LoadU(D(), from) : load_end(from, count);
}

HWY_INLINE void store_some(V v, float* to, std::size_t count) {
  if (count == kLanes) {
    hn::StoreU(v, D(), to);
  } else {
    store_end(v, to, count);
  }
}

/// kTileRows rows by kPanels panels, over a range of depth.
template <std::size_t kTileRows, std::size_t kPanels>
HWY_INLINE void multiply_tile(const GemmBlock& block, const DepthRange& range, std::size_t row,
                              std::size_t panel) {
  constexpr std::size_t kWidth = kPanels * kVectors;
  const D d;
  const std::size_t first_column = panel * kPanelColumns;
  const auto columns_at = [&](std::size_t v) {
    const std::size_t column = first_column + v * kLanes;
    return column < block.columns ? HWY_MIN(kLanes, block.columns - column) : 0;
  };
  float* const y = block.y + row * block.y_stride + first_column;

  V sums[kTileRows][kWidth];
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 16
    for (std::size_t v = 0; v < kWidth; ++v) {
      sums[r][v] =
          range.first ? hn::Zero(d) : load_some(y + r * block.y_stride + v * kLanes, columns_at(v));
    }
  }

  const float* x = block.x + row * block.x_stride;
  const float* weights = block.panels + panel * block.depth * kPanelColumns;
  for (std::size_t k = range.begin; k < range.end; ++k) {
    V w[kWidth];
#pragma GCC unroll 16
    for (std::size_t v = 0; v < kWidth; ++v) {
      w[v] = hn::Load(
          d, weights + (v / kVectors * block.depth + k) * kPanelColumns + v % kVectors * kLanes);
    }
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kTileRows; ++r) {
      const V value = hn::Set(d, x[r * block.x_stride + k]);
#pragma GCC unroll 16
      for (std::size_t v = 0; v < kWidth; ++v) sums[r][v] = hn::MulAdd(value, w[v], sums[r][v]);
    }
  }

#pragma GCC unroll 16
  for (std::size_t r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 16
    for (std::size_t v = 0; v < kWidth; ++v) {
      V sum = sums[r][v];
      if (range.last) {
        sum = hn::Add(sum, hn::Load(d, block.bias + first_column + v * kLanes));
        // In this order of arguments, x86 passes a NaN in `sum` on.
        sum = hn::Min(hn::Set(d, block.hi), hn::Max(hn::Set(d, block.lo), sum));
      }
      store_some(sum, y + r * block.y_stride + v * kLanes, columns_at(v));
    }
  }
}

/// `panels` panels, as many at once as kMost allows, then the rest.
template <std::size_t kTileRows, std::size_t kMost>
HWY_INLINE void multiply_panels(const GemmBlock& block, const DepthRange& range, std::size_t row,
                                std::size_t panel, std::size_t panels) {
  for (; panels >= kMost; panel += kMost, panels -= kMost) {
    multiply_tile<kTileRows, kMost>(block, range, row, panel);
  }
  if constexpr (kMost > 1) {
    multiply_panels<kTileRows, kMost - 1>(block, range, row, panel, panels);
  }
}

/// `rows` rows, at most kMost, by some panels. Few rows take several panels at once, for there
/// must be about eight independent sums to hide the latency of an addition.
template <std::size_t kMost>
HWY_INLINE void multiply_rows(const GemmBlock& block, const DepthRange& range, std::size_t row,
                              std::size_t rows, std::size_t panel, std::size_t panels) {
  if (rows == kMost) {
    multiply_panels<kMost, kMost == 1 ? 4 : kMost == 2 ? 2 : 1>(block, range, row, panel, panels);
  } else if constexpr (kMost > 1) {
    multiply_rows<kMost - 1>(block, range, row, rows, panel, panels);
  }
}

std::size_t panel_columns() { return kPanelColumns; }

void multiply_block(const GemmBlock& block) {
  const std::size_t tiles = (block.rows + kRows - 1) / kRows;
  if (tiles == 0) return;
  // One tile uses each weight once: no need to keep it in the cache.
  const std::size_t ranges =
      tiles == 1 || block.depth == 0 ? 1 : (block.depth + kDepth - 1) / kDepth;
  const std::size_t group = tiles == 1 ? block.panel_count : 1;
  for (std::size_t i = 0; i < ranges; ++i) {
    const DepthRange range{.begin = block.depth * i / ranges,
                           .end = block.depth * (i + 1) / ranges,
                           .first = i == 0,
                           .last = i + 1 == ranges};
    for (std::size_t panel = 0; panel < block.panel_count; panel += group) {
      for (std::size_t tile = 0; tile < tiles; ++tile) {
        const std::size_t row = block.rows * tile / tiles;
        const std::size_t rows = block.rows * (tile + 1) / tiles - row;
        multiply_rows<kRows>(block, range, row, rows, panel, group);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace widepipe::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace widepipe::kernels {

HWY_EXPORT(panel_columns);
HWY_EXPORT(multiply_block);

std::size_t panel_columns() { return HWY_DYNAMIC_DISPATCH(panel_columns)(); }
void multiply_block(const GemmBlock& block) { HWY_DYNAMIC_DISPATCH(multiply_block)(block); }

}  // namespace widepipe::kernels
#endif  // HWY_ONCE
