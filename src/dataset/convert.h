#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace widepipe::dataset {

/// Why values stored as `from` are never read as `to`; empty when they are. Anything numeric is
/// read as f32 and f64, rounded to nearest; integers as integers of any width and as bool, as long
/// as the values fit; u8 as bool, where anything but 0 is true.
std::string why_not_convertible(DType from, DType to);

/// Bytes that are best converted at a time: they fit the second-level cache.
inline constexpr std::size_t kConvertedAtOnce = std::size_t{256} << 10;

/// Converts `count` elements; the pair must be convertible, the memory aligned for its type and
/// not overlapping. Throws RunError, `where` in front, if a value does not fit.
void convert(DType from, const std::byte* source, DType to, std::byte* target, std::size_t count,
             std::string_view where);

}  // namespace widepipe::dataset
