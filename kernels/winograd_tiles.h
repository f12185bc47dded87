#pragma once
// The inner loops of winograd_conv, for the vector instructions of the machine it runs on.
//
// Winograd's F(4x4, 3x3): a tile of 4x4 outputs needs 6x6 inputs. Both the tile and the 3x3
// weights are transformed to 6x6 "points"; at each point, the channels are a matrix product of
// tiles by weights, and another transform turns the 36 products into the 16 outputs. That takes
// 36 multiply-adds a channel where the direct sum takes 144.

#include <cstddef>
#include <cstdint>

namespace widepipe::kernels {

/// The interpolation points are 0, +-a, +-b and infinity. With these a and b, the rounding error is
/// about a quarter of that with the usual 1 and 2, and all coefficients of the transforms of tiles
/// are exact.
constexpr double kWinogradA = 11.0 / 16.0;
constexpr double kWinogradB = 11.0 / 8.0;

constexpr std::int64_t kWinogradOut = 4;      ///< side of a tile of outputs
constexpr std::int64_t kWinogradIn = 6;       ///< side of a tile of inputs
constexpr std::int64_t kWinogradPoints = 36;  ///< of a tile

/// Sizes that follow from the machine's vectors; the same for the life of the process.
struct WinogradForm {
  std::int64_t lanes;  ///< f32 lanes of a vector; channels are blocked by as many
  std::int64_t group;  ///< tiles that are multiplied at once
  std::int64_t panel;  ///< output channels that are multiplied at once
};
WinogradForm winograd_form();

/// One layer. Shapes in brackets are those of arrays; all are 64-byte aligned.
struct WinogradLayer {
  std::int64_t in_blocks;   ///< blocks of `lanes` input channels
  std::int64_t out_blocks;  ///< blocks of `lanes` output channels
  std::int64_t in_height, in_width;
  std::int64_t out_height, out_width;
  std::int64_t pad_top, pad_left;
  std::int64_t tile_rows, tile_columns;  ///< tiles of an image
  std::int64_t panels;
  const float* weights;  ///< [points, panels, in_blocks * lanes, panel]
  const float* bias;     ///< [out_blocks * lanes]
  const float* lo;       ///< [out_blocks * lanes]: outputs are clamped; NaN stays NaN
  const float* hi;       ///< [out_blocks * lanes]

  std::int64_t tiles() const { return tile_rows * tile_columns; }
};

/// Some tiles, counted through all images, and some panels of output channels.
struct WinogradPart {
  const float* x;  ///< of image 0: [in_blocks, in_height, in_width, lanes] an image
  float* y;        ///< of image 0: [out_blocks, out_height, out_width, lanes] an image
  std::int64_t tile, tile_end;
  std::int64_t panel, panel_end;
  std::int64_t pass_panels;  ///< panels whose products are held at a time, at least 1
  float* scratch;            ///< winograd_scratch() elements, 64-byte aligned
};

/// Elements of scratch for a part of so many tiles and panels a pass.
std::int64_t winograd_scratch(const WinogradLayer& layer, std::int64_t tiles,
                              std::int64_t pass_panels);

/// The bits of an output depend neither on the other tiles nor on how the caller cuts the layer
/// into parts: products are summed over channels in one order, in runs of a fixed length.
void winograd_part(const WinogradLayer& layer, const WinogradPart& part);

}  // namespace widepipe::kernels
