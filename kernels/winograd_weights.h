#pragma once

#include <cstdint>
#include <span>

#include "core/aligned_buffer.h"
#include "kernels/winograd_tiles.h"

namespace widepipe::kernels {

/// The weights `w` [out_channels, in_channels, 3, 3] at the 36 points, packed as
/// WinogradLayer::weights: [points, panels, padded in_channels, panel], zeros in the padding.
/// Computed in double and rounded once.
AlignedBuffer pack_winograd_weights(std::span<const float> w, std::int64_t out_channels,
                                    std::int64_t in_channels, const WinogradForm& form);

}  // namespace widepipe::kernels
