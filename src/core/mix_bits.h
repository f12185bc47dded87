#pragma once

#include <cstdint>

namespace widepipe {

/// What consecutive numbers are multiples of, so that their mixed bits have nothing in common.
inline constexpr std::uint64_t kGoldenGamma = 0x9E3779B97F4A7C15ULL;

/// Every bit of the result depends on every bit of the number; no two numbers give the same (the
/// finalizer of SplitMix64, Steele, Lea and Flood, OOPSLA 2014).
constexpr std::uint64_t mix_bits(std::uint64_t bits) {
  bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9ULL;
  bits = (bits ^ bits >> 27) * 0x94D049BB133111EBULL;
  return bits ^ bits >> 31;
}

}  // namespace widepipe
