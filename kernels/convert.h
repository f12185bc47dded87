#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

namespace widepipe::kernels {

/// A number as another type, for all values: a fraction is cut off, what is out of an integer's
/// range becomes its nearest end, NaN becomes 0; an integer keeps its low bits.
template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // 2^bits, which is exact as any float; the largest integer need not be.
    const From end = std::ldexp(From{1}, std::numeric_limits<To>::digits);
    if (std::isnan(value)) return 0;
    if (value >= end) return std::numeric_limits<To>::max();
    if (value <= (std::is_signed_v<To> ? -end : From{0})) return std::numeric_limits<To>::lowest();
  }
  return static_cast<To>(value);
}

}  // namespace widepipe::kernels
