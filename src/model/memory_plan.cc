#include "model/memory_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/aligned_buffer.h"

namespace widepipe::model {
namespace {

/// Bytes of the arena taken by a buffer.
struct Span {
  std::size_t begin;
  std::size_t end;
};

/// The start of the tightest gap of at least `size` bytes between `taken`, which is sorted by
/// `begin`; else the end of all.
std::size_t tightest_gap(const std::vector<Span>& taken, std::size_t size) {
  std::size_t best = 0;
  std::size_t best_size = std::numeric_limits<std::size_t>::max();
  std::size_t end = 0;
  for (const Span& span : taken) {
    const std::size_t gap = span.begin > end ? span.begin - end : 0;
    if (gap >= size && gap < best_size) {
      best = end;
      best_size = gap;
    }
    end = std::max(end, span.end);
  }
  return best_size == std::numeric_limits<std::size_t>::max() ? end : best;
}

}  // namespace

MemoryPlan plan_memory(std::span<const Lifetime> lifetimes) {
  std::vector<std::size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return lifetimes[a].bytes > lifetimes[b].bytes;
  });

  MemoryPlan plan;
  plan.offsets.assign(lifetimes.size(), 0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Lifetime& lifetime = lifetimes[order[i]];
    if (lifetime.bytes == 0) break;  // the last ones: they may lie anywhere
    const std::size_t size = round_up(lifetime.bytes, AlignedBuffer::kAlignment);
    std::vector<Span> taken;
    for (std::size_t j = 0; j < i; ++j) {
      const Lifetime& other = lifetimes[order[j]];
      if (!other.overlaps(lifetime)) continue;
      const std::size_t begin = plan.offsets[order[j]];
      taken.push_back({begin, begin + round_up(other.bytes, AlignedBuffer::kAlignment)});
    }
    std::sort(taken.begin(), taken.end(),
              [](const Span& a, const Span& b) { return a.begin < b.begin; });
    plan.offsets[order[i]] = tightest_gap(taken, size);
    plan.bytes = std::max(plan.bytes, plan.offsets[order[i]] + size);
  }
  return plan;
}

}  // namespace widepipe::model
