#pragma once

#include <cstdint>
#include <span>

namespace widepipe {

/// Consecutive rows of a data set: [first, first + count).
struct RowRange {
  std::int64_t first = 0;
  std::int64_t count = 0;

  std::int64_t end() const { return first + count; }
  bool operator==(const RowRange&) const = default;
};

/// Of all the ranges.
inline std::int64_t count_rows(std::span<const RowRange> ranges) {
  std::int64_t rows = 0;
  for (const RowRange& range : ranges) rows += range.count;
  return rows;
}

}  // namespace widepipe
