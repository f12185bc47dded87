#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace widepipe::model {

/// A buffer that must keep its bytes from step `first` to step `last`, both included.
struct Lifetime {
  std::size_t bytes = 0;
  std::size_t first = 0;
  std::size_t last = 0;

  bool overlaps(const Lifetime& other) const { return first <= other.last && other.first <= last; }
};

/// Where in one arena each buffer lies.
struct MemoryPlan {
  std::vector<std::size_t> offsets;  ///< in the order of the lifetimes, multiples of 64
  std::size_t bytes = 0;             ///< of the arena
};

/// Buffers that live at the same time do not overlap; others share bytes. Greedy: the largest
/// first, each into the tightest gap that holds it.
MemoryPlan plan_memory(std::span<const Lifetime> lifetimes);

}  // namespace widepipe::model
