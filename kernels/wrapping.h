#pragma once

#include <cstdint>
#include <type_traits>

namespace widepipe::kernels {

/// Integers as 64 bits without sign, so that sums and products wrap around: signed overflow would
/// be undefined. Floats as they are.
template <typename T>
using Wide = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;

template <typename T>
T wrapping_sum(T a, T b) {
  return static_cast<T>(static_cast<Wide<T>>(a) + static_cast<Wide<T>>(b));
}

template <typename T>
T wrapping_difference(T a, T b) {
  return static_cast<T>(static_cast<Wide<T>>(a) - static_cast<Wide<T>>(b));
}

template <typename T>
T wrapping_product(T a, T b) {
  return static_cast<T>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b));
}

}  // namespace widepipe::kernels
