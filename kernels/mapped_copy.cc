#include "kernels/mapped_copy.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace widepipe::kernels {
namespace {

void fill_elements(std::byte* to, std::int64_t bytes, const std::byte* fill, std::size_t element) {
  for (std::byte* const end = to + bytes; to != end; to += element) {
    std::memcpy(to, fill, element);
  }
}

/// memcpy of what is mostly one element.
void copy_piece(std::byte* to, const std::byte* from, std::int64_t bytes) {
  switch (bytes) {
    case 4:
      std::memcpy(to, from, 4);
      break;
    case 8:
      std::memcpy(to, from, 8);
      break;
    default:
      std::memcpy(to, from, static_cast<std::size_t>(bytes));
  }
}

}  // namespace

AxisMap identity_map(std::int64_t size) {
  AxisMap map(static_cast<std::size_t>(size));
  std::iota(map.begin(), map.end(), 0);
  return map;
}

MappedCopy::MappedCopy(const Shape& from, const std::vector<AxisMap>& maps, std::size_t element)
    : element_(element), bytes_(element) {
  empty_ = std::any_of(maps.begin(), maps.end(), [](const AxisMap& map) { return map.empty(); });
  if (empty_) return;
  auto from_step = static_cast<std::int64_t>(element);
  auto to_step = from_step;
  for (std::size_t axis = from.size(); axis-- > 0;) {
    const AxisMap& map = maps[axis];
    if (!levels_.empty() || map != identity_map(from[axis])) {
      Level level{.runs = {}, .from_step = from_step, .to_step = to_step};
      for (const std::int64_t source : map) {
        const bool goes_on =
            !level.runs.empty() &&
            (source == kFilled ? level.runs.back().from == kFilled
                               : level.runs.back().from != kFilled &&
                                     source == level.runs.back().from + level.runs.back().count);
        if (goes_on) {
          ++level.runs.back().count;
        } else {
          level.runs.push_back({source, 1});
        }
      }
      levels_.insert(levels_.begin(), std::move(level));
    }
    from_step *= from[axis];
    to_step *= static_cast<std::int64_t>(map.size());
  }
  bytes_ = static_cast<std::size_t>(to_step);
}

void MappedCopy::run(const std::byte* from, const std::byte* fill, std::byte* to) const {
  if (empty_) return;
  if (levels_.empty()) {
    std::memcpy(to, from, bytes_);
  } else {
    copy(from, fill, to, 0);
  }
}

void MappedCopy::copy(const std::byte* from, const std::byte* fill, std::byte* to,
                      std::size_t depth) const {
  const Level& level = levels_[depth];
  const bool last = depth + 1 == levels_.size();
  std::int64_t previous = kFilled;
  for (const Run& run : level.runs) {
    if (run.from == kFilled) {
      fill_elements(to, run.count * level.to_step, fill, element_);
      to += run.count * level.to_step;
    } else if (last) {
      copy_piece(to, from + run.from * level.from_step, run.count * level.from_step);
      to += run.count * level.from_step;
    } else {
      for (std::int64_t i = run.from; i < run.from + run.count; ++i, to += level.to_step) {
        if (i == previous) {  // an element that is repeated has been put together once
          std::memcpy(to, to - level.to_step, static_cast<std::size_t>(level.to_step));
        } else {
          copy(from + i * level.from_step, fill, to, depth + 1);
        }
        previous = i;
      }
      continue;
    }
    previous = kFilled;
  }
}

}  // namespace widepipe::kernels
