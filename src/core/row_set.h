#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/row_range.h"

namespace widepipe {

/// A set of rows, kept as disjoint ranges that never touch. Empty ranges add nothing.
class RowSet {
 public:
  void add(RowRange range);
  void remove(RowRange range);
  void clear();

  bool contains(std::int64_t row) const;
  /// Whether all rows of the range are in the set.
  bool covers(RowRange range) const;
  /// Rows in the set.
  std::int64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }

  /// Ascending.
  std::vector<RowRange> ranges() const;
  /// The rows of [0, rows) that are not in the set, ascending.
  std::vector<RowRange> missing(std::int64_t rows) const;

  bool operator==(const RowSet&) const = default;

 private:
  std::map<std::int64_t, std::int64_t> end_of_;  ///< first row of a range -> one past its last
  std::int64_t count_ = 0;
};

}  // namespace widepipe
