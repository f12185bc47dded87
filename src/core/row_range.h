#pragma once

#include <cstdint>

namespace widepipe {

/// Consecutive rows of a data set: [first, first + count).
struct RowRange {
  std::int64_t first = 0;
  std::int64_t count = 0;

  std::int64_t end() const { return first + count; }
  bool operator==(const RowRange&) const = default;
};

}  // namespace widepipe
