#pragma once

#include "kernels/kernel.h"

namespace widepipe::kernels {

/// True if the tensor has channels in memory that are not its own.
inline bool has_padding(const TensorDesc& desc, Layout layout) {
  return layout != Layout::kPlain && desc.shape[1] % channel_block(layout) != 0;
}

/// `layout`, unless its padding would not stay zero: then plain.
inline Layout kept_layout(const TensorDesc& output, Layout layout, bool zero_stays_zero) {
  return has_padding(output, layout) && !zero_stays_zero ? Layout::kPlain : layout;
}

/// Elements in memory, padding included.
inline std::int64_t stored_count(const TensorDesc& desc) {
  return static_cast<std::int64_t>(desc.bytes() / size_of(desc.dtype));
}

/// Elements that one thread computes at a time: a quarter of a small second-level cache.
inline constexpr std::int64_t kChunk = 1 << 14;

}  // namespace widepipe::kernels
