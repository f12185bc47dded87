#include "kernels/winograd_tiles.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/winograd_tiles.cc"
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

constexpr std::int64_t kLanes = hn::MaxLanes(D());
constexpr std::int64_t kVectors = 2;  // of a panel's row
constexpr std::int64_t kPanel = kVectors * kLanes;
// kGroup * kVectors accumulators, a row of the panel and a broadcast fill 16 or 32 registers.
constexpr std::int64_t kGroup = HWY_TARGET <= HWY_AVX3 ? 12 : 6;
// A panel's part of so many channels (16 KB with AVX2) stays in the first-level cache while the
// groups of tiles pass over it. Shorter runs of additions also round less.
constexpr std::int64_t kDepth = 256;
// Each of the first few groups fetches a share of the panel that comes next into the second-level
// cache: large layers' weights come from memory, and are read once a part.
constexpr std::int64_t kAheadGroups = 4;

constexpr std::int64_t kOut = kWinogradOut;
constexpr std::int64_t kIn = kWinogradIn;
constexpr std::int64_t kPoints = kWinogradPoints;
constexpr std::int64_t kLine = 16;  // elements of a cache line
// One block of channels of a group of tiles, at one point.
constexpr std::int64_t kGroupBlock = kGroup * kLanes;

// No templates of the standard library from here on: an instance that is compiled with, say,
// AVX-512 could be the one that the linker keeps for the whole program.

HWY_INLINE std::int64_t winograd_clamp(std::int64_t value, std::int64_t most) {
  return HWY_MAX(0, HWY_MIN(value, most));
}

HWY_INLINE std::int64_t winograd_groups(std::int64_t tiles) {
  return (tiles + kGroup - 1) / kGroup;
}

/// Elements between two points of the transformed inputs: an odd number of cache lines, so that
/// the 36 points of a tile fall into different sets of the cache.
HWY_INLINE std::int64_t point_stride(const WinogradLayer& layer, std::int64_t tiles) {
  const std::int64_t lines =
      (winograd_groups(tiles) * layer.in_blocks * kGroupBlock + kLine - 1) / kLine;
  return (lines | 1) * kLine;
}

/// Where a tile lies.
struct WinogradTile {
  std::int64_t image;
  std::int64_t row, column;  ///< of its first output
};

HWY_INLINE WinogradTile tile_at(const WinogradLayer& layer, std::int64_t tile) {
  const std::int64_t image = tile / layer.tiles();
  const std::int64_t within = tile - image * layer.tiles();
  const std::int64_t row = within / layer.tile_columns;
  return {image, row * kOut, (within - row * layer.tile_columns) * kOut};
}

/// The inputs of a tile, in block 0 of its image.
struct WinogradSource {
  const float* image;
  std::int64_t row, column;               ///< of the first input; may be in the padding
  std::int64_t row_begin, row_end;        ///< rows of the tile that are inside the image
  std::int64_t column_begin, column_end;  ///< columns likewise
  bool inside;                            ///< all of them
};

HWY_INLINE WinogradSource source_of(const WinogradLayer& layer, const float* x, std::int64_t tile) {
  const WinogradTile at = tile_at(layer, tile);
  const std::int64_t pixels = layer.in_height * layer.in_width;
  WinogradSource source;
  source.image = x + at.image * layer.in_blocks * pixels * kLanes;
  source.row = at.row - layer.pad_top;
  source.column = at.column - layer.pad_left;
  source.row_begin = winograd_clamp(-source.row, kIn);
  source.row_end = winograd_clamp(layer.in_height - source.row, kIn);
  source.column_begin = winograd_clamp(-source.column, kIn);
  source.column_end = winograd_clamp(layer.in_width - source.column, kIn);
  source.inside = source.row_begin == 0 && source.row_end == kIn && source.column_begin == 0 &&
                  source.column_end == kIn;
  return source;
}

/// One axis of the transform of inputs: the coefficients of the polynomial that is zero at all
/// points but one, for each of them.
HWY_INLINE void transform_in(const V (&x)[kIn], V (&y)[kIn]) {
  constexpr double a2 = kWinogradA * kWinogradA;
  constexpr double b2 = kWinogradB * kWinogradB;
  const D d;
  const V a = hn::Set(d, static_cast<float>(kWinogradA));
  const V b = hn::Set(d, static_cast<float>(kWinogradB));
  const V aa = hn::Set(d, static_cast<float>(a2));
  const V bb = hn::Set(d, static_cast<float>(b2));
  const V sum = hn::Set(d, static_cast<float>(a2 + b2));
  const V product = hn::Set(d, static_cast<float>(a2 * b2));
  y[0] = hn::MulAdd(product, x[0], hn::NegMulAdd(sum, x[2], x[4]));
  V even = hn::NegMulAdd(bb, x[2], x[4]);
  V odd = hn::NegMulAdd(bb, x[1], x[3]);
  y[1] = hn::MulAdd(a, odd, even);
  y[2] = hn::NegMulAdd(a, odd, even);
  even = hn::NegMulAdd(aa, x[2], x[4]);
  odd = hn::NegMulAdd(aa, x[1], x[3]);
  y[3] = hn::MulAdd(b, odd, even);
  y[4] = hn::NegMulAdd(b, odd, even);
  y[5] = hn::MulAdd(product, x[1], hn::NegMulAdd(sum, x[3], x[5]));
}

/// One axis of the transform of outputs: the powers 0 to 3 of the points.
HWY_INLINE void transform_out(const V (&x)[kIn], V (&y)[kOut]) {
  constexpr double a2 = kWinogradA * kWinogradA;
  constexpr double b2 = kWinogradB * kWinogradB;
  const D d;
  const V even_a = hn::Add(x[1], x[2]);
  const V odd_a = hn::Sub(x[1], x[2]);
  const V even_b = hn::Add(x[3], x[4]);
  const V odd_b = hn::Sub(x[3], x[4]);
  y[0] = hn::Add(hn::Add(x[0], even_a), even_b);
  y[1] = hn::MulAdd(hn::Set(d, static_cast<float>(kWinogradB)), odd_b,
                    hn::Mul(hn::Set(d, static_cast<float>(kWinogradA)), odd_a));
  y[2] = hn::MulAdd(hn::Set(d, static_cast<float>(b2)), even_b,
                    hn::Mul(hn::Set(d, static_cast<float>(a2)), even_a));
  y[3] = hn::MulAdd(hn::Set(d, static_cast<float>(b2 * kWinogradB)), odd_b,
                    hn::MulAdd(hn::Set(d, static_cast<float>(a2 * kWinogradA)), odd_a, x[5]));
}

/// One block of channels of one tile, to its place at point 0. `from` is that block's image.
template <bool kInside>
HWY_INLINE void transform_source(const WinogradLayer& layer, const WinogradSource& source,
                                 const float* from, float* to, std::int64_t stride) {
  const D d;
  HWY_ALIGN static constexpr float kZeros[kLanes] = {};
  const float* rows[kIn];
  std::int64_t steps[kIn];
  for (std::int64_t i = 0; i < kIn; ++i) {
    const bool read = kInside || (i >= source.row_begin && i < source.row_end);
    rows[i] = read ? from + ((source.row + i) * layer.in_width + source.column) * kLanes : kZeros;
    steps[i] = read ? kLanes : 0;
  }
  V half[kIn][kIn];
#pragma GCC unroll 6
  for (std::int64_t j = 0; j < kIn; ++j) {
    V column[kIn], points[kIn];
    if (kInside || (j >= source.column_begin && j < source.column_end)) {
#pragma GCC unroll 6
      for (std::int64_t i = 0; i < kIn; ++i) {
        column[i] = hn::Load(d, rows[i] + j * (kInside ? kLanes : steps[i]));
      }
      transform_in(column, points);
    } else {
#pragma GCC unroll 6
      for (std::int64_t i = 0; i < kIn; ++i) points[i] = hn::Zero(d);
    }
#pragma GCC unroll 6
    for (std::int64_t i = 0; i < kIn; ++i) half[i][j] = points[i];
  }
#pragma GCC unroll 6
  for (std::int64_t i = 0; i < kIn; ++i) {
    V points[kIn];
    transform_in(half[i], points);
#pragma GCC unroll 6
    for (std::int64_t j = 0; j < kIn; ++j) hn::Store(points[j], d, to + (i * kIn + j) * stride);
  }
}

/// The inputs of all tiles of the part, as [points][groups, in_blocks, kGroup, kLanes].
HWY_INLINE void transform_sources(const WinogradLayer& layer, const WinogradPart& part, float* to,
                                  std::int64_t stride) {
  const std::int64_t image_block = layer.in_height * layer.in_width * kLanes;
  for (std::int64_t first = part.tile; first < part.tile_end; first += kGroup) {
    const std::int64_t tiles = HWY_MIN(kGroup, part.tile_end - first);
    WinogradSource sources[kGroup];
    for (std::int64_t r = 0; r < tiles; ++r) sources[r] = source_of(layer, part.x, first + r);
    for (std::int64_t block = 0; block < layer.in_blocks; ++block, to += kGroupBlock) {
      for (std::int64_t r = 0; r < tiles; ++r) {
        const float* from = sources[r].image + block * image_block;
        if (sources[r].inside) {
          transform_source<true>(layer, sources[r], from, to + r * kLanes, stride);
        } else {
          transform_source<false>(layer, sources[r], from, to + r * kLanes, stride);
        }
      }
    }
  }
}

/// Weights of a block of input channels that one group fetches.
constexpr std::int64_t kAheadShare = kLanes * kPanel / kAheadGroups;

/// One run of channels of kTiles tiles by kWidth vectors of output channels.
struct WinogradProduct {
  const float* x;        ///< [blocks, kGroup, kLanes]
  const float* weights;  ///< [blocks * kLanes, kPanel]
  float* y;              ///< [kWidth][kTiles, kLanes]
  std::int64_t blocks;
  bool first;          ///< else added to what `y` holds
  const float* ahead;  ///< weights to fetch: some lines, every kLanes * kPanel elements
};

template <std::int64_t kTiles, std::int64_t kWidth>
HWY_INLINE void multiply_group(const WinogradProduct& product) {
  const D d;
  V sums[kTiles][kWidth];
#pragma GCC unroll 16
  for (std::int64_t r = 0; r < kTiles; ++r) {
#pragma GCC unroll 2
    for (std::int64_t v = 0; v < kWidth; ++v) sums[r][v] = hn::Zero(d);
  }
  const float* x = product.x;
  const float* weights = product.weights;
  const float* ahead = product.ahead;
  for (std::int64_t block = 0; block < product.blocks; ++block) {
#pragma GCC unroll 16
    for (std::int64_t k = 0; k < kLanes; ++k) {
      V w[kWidth];
#pragma GCC unroll 2
      for (std::int64_t v = 0; v < kWidth; ++v) {
        w[v] = hn::Load(d, weights + k * kPanel + v * kLanes);
      }
#pragma GCC unroll 16
      for (std::int64_t r = 0; r < kTiles; ++r) {
        const V value = hn::Set(d, x[r * kLanes + k]);
#pragma GCC unroll 2
        for (std::int64_t v = 0; v < kWidth; ++v) sums[r][v] = hn::MulAdd(value, w[v], sums[r][v]);
      }
    }
    x += kGroupBlock;
    weights += kLanes * kPanel;
#pragma GCC unroll 8
    for (std::int64_t line = 0; line < kAheadShare; line += kLine) {
      __builtin_prefetch(ahead + line, 0, 2);
    }
    ahead += kLanes * kPanel;
  }
#pragma GCC unroll 2
  for (std::int64_t v = 0; v < kWidth; ++v) {
    float* y = product.y + v * kPoints * kGroupBlock;
#pragma GCC unroll 16
    for (std::int64_t r = 0; r < kTiles; ++r) {
      const V sum = product.first ? sums[r][v] : hn::Add(hn::Load(d, y + r * kLanes), sums[r][v]);
      hn::Store(sum, d, y + r * kLanes);
    }
  }
}

/// `tiles` tiles, at most kMost.
template <std::int64_t kMost, std::int64_t kWidth>
HWY_INLINE void multiply_tiles(const WinogradProduct& product, std::int64_t tiles) {
  if (tiles == kMost) {
    multiply_group<kMost, kWidth>(product);
  } else if constexpr (kMost > 1) {
    multiply_tiles<kMost - 1, kWidth>(product, tiles);
  }
}

/// At every point, all tiles of the part by the panels [panel, panel_end). `x` is as
/// transform_sources() leaves it, `y` becomes [groups, blocks of the panels, points, kGroup,
/// kLanes].
HWY_INLINE void multiply_points(const WinogradLayer& layer, const WinogradPart& part,
                                std::int64_t panel, std::int64_t panel_end, const float* x,
                                std::int64_t stride, float* y) {
  const std::int64_t tiles = part.tile_end - part.tile;
  const std::int64_t channels = layer.in_blocks * kLanes;
  const std::int64_t first_block = panel * kVectors;
  const std::int64_t blocks = HWY_MIN(panel_end * kVectors, layer.out_blocks) - first_block;
  const std::int64_t y_stride = blocks * kPoints * kGroupBlock;  // of a group
  const std::int64_t x_stride = layer.in_blocks * kGroupBlock;   // of a group
  constexpr std::int64_t kRun = kDepth / kLanes;
  for (std::int64_t point = 0; point < kPoints; ++point) {
    for (std::int64_t p = panel; p < panel_end; ++p) {
      const std::int64_t block = p * kVectors - first_block;
      const float* weights = layer.weights + (point * layer.panels + p) * channels * kPanel;
      for (std::int64_t run = 0; run < layer.in_blocks; run += kRun) {
        const std::int64_t run_blocks = HWY_MIN(kRun, layer.in_blocks - run);
        const float* const panel_run = weights + run * kLanes * kPanel;
        WinogradProduct product = {
            .x = x + point * stride + run * kGroupBlock,
            .weights = panel_run,
            .y = y + (block * kPoints + point) * kGroupBlock,
            .blocks = run_blocks,
            .first = run == 0,
            .ahead = panel_run + run_blocks * kLanes * kPanel,
        };
        for (std::int64_t tile = 0; tile < tiles; tile += kGroup) {
          const std::int64_t count = HWY_MIN(kGroup, tiles - tile);
          if (block + 1 < blocks) {
            multiply_tiles<kGroup, kVectors>(product, count);
          } else {
            multiply_tiles<kGroup, 1>(product, count);
          }
          product.x += x_stride;
          product.y += y_stride;
          if (tile < (kAheadGroups - 1) * kGroup) product.ahead += kAheadShare;
        }
      }
    }
  }
}

/// One block of channels of one tile: `from` is [points, kGroup, kLanes].
HWY_INLINE void transform_product(const WinogradLayer& layer, const float* from,
                                  const WinogradTile& tile, std::int64_t block, float* y) {
  const D d;
  V half[kOut][kIn];
#pragma GCC unroll 6
  for (std::int64_t j = 0; j < kIn; ++j) {
    V points[kIn], column[kOut];
#pragma GCC unroll 6
    for (std::int64_t i = 0; i < kIn; ++i) {
      points[i] = hn::Load(d, from + (i * kIn + j) * kGroupBlock);
    }
    transform_out(points, column);
#pragma GCC unroll 4
    for (std::int64_t i = 0; i < kOut; ++i) half[i][j] = column[i];
  }
  const V bias = hn::Load(d, layer.bias + block * kLanes);
  const V lo = hn::Load(d, layer.lo + block * kLanes);
  const V hi = hn::Load(d, layer.hi + block * kLanes);
  const std::int64_t rows = HWY_MIN(kOut, layer.out_height - tile.row);
  const std::int64_t columns = HWY_MIN(kOut, layer.out_width - tile.column);
#pragma GCC unroll 4
  for (std::int64_t i = 0; i < kOut; ++i) {
    if (i >= rows) break;
    V row[kOut];
    transform_out(half[i], row);
    float* to = y + i * layer.out_width * kLanes;
#pragma GCC unroll 4
    for (std::int64_t j = 0; j < kOut; ++j) {
      if (j >= columns) break;
      // In this order of arguments, x86 passes a NaN in the sum on.
      hn::Store(hn::Min(hi, hn::Max(lo, hn::Add(row[j], bias))), d, to + j * kLanes);
    }
  }
}

/// The outputs of all tiles of the part in the channels of panels [panel, panel_end). `from` is
/// as multiply_points() leaves it.
HWY_INLINE void transform_products(const WinogradLayer& layer, const WinogradPart& part,
                                   std::int64_t panel, std::int64_t panel_end, const float* from) {
  const std::int64_t first_block = panel * kVectors;
  const std::int64_t end_block = HWY_MIN(panel_end * kVectors, layer.out_blocks);
  const std::int64_t pixels = layer.out_height * layer.out_width;
  for (std::int64_t first = part.tile; first < part.tile_end; first += kGroup) {
    const std::int64_t tiles = HWY_MIN(kGroup, part.tile_end - first);
    WinogradTile places[kGroup];
    for (std::int64_t r = 0; r < tiles; ++r) places[r] = tile_at(layer, first + r);
    for (std::int64_t block = first_block; block < end_block; ++block) {
      for (std::int64_t r = 0; r < tiles; ++r) {
        const WinogradTile& at = places[r];
        const std::int64_t pixel =
            (at.image * layer.out_blocks + block) * pixels + at.row * layer.out_width + at.column;
        transform_product(layer, from + r * kLanes, at, block, part.y + pixel * kLanes);
      }
      from += kPoints * kGroupBlock;
    }
  }
}

WinogradForm winograd_form() { return {kLanes, kGroup, kPanel}; }

std::int64_t winograd_scratch(const WinogradLayer& layer, std::int64_t tiles,
                              std::int64_t pass_panels) {
  return kPoints * (point_stride(layer, tiles) +
                    winograd_groups(tiles) * pass_panels * kVectors * kGroupBlock);
}

void winograd_part(const WinogradLayer& layer, const WinogradPart& part) {
  const std::int64_t stride = point_stride(layer, part.tile_end - part.tile);
  float* const sources = part.scratch;
  float* const products = part.scratch + kPoints * stride;
  transform_sources(layer, part, sources, stride);
  for (std::int64_t panel = part.panel; panel < part.panel_end; panel += part.pass_panels) {
    const std::int64_t panel_end = HWY_MIN(panel + part.pass_panels, part.panel_end);
    multiply_points(layer, part, panel, panel_end, sources, stride, products);
    transform_products(layer, part, panel, panel_end, products);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace widepipe::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace widepipe::kernels {

HWY_EXPORT(winograd_form);
HWY_EXPORT(winograd_scratch);
HWY_EXPORT(winograd_part);

WinogradForm winograd_form() { return HWY_DYNAMIC_DISPATCH(winograd_form)(); }
std::int64_t winograd_scratch(const WinogradLayer& layer, std::int64_t tiles,
                              std::int64_t pass_panels) {
  return HWY_DYNAMIC_DISPATCH(winograd_scratch)(layer, tiles, pass_panels);
}
void winograd_part(const WinogradLayer& layer, const WinogradPart& part) {
  HWY_DYNAMIC_DISPATCH(winograd_part)(layer, part);
}

}  // namespace widepipe::kernels
#endif  // HWY_ONCE
