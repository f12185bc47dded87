#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/row_range.h"
#include "dataset/journal_record.h"

namespace widepipe::dataset {

/// Rows that failed, with their reasons. The same rows and reasons give the same records, in
/// whatever order and pieces they came.
class FailedRows {
 public:
  FailedRows() = default;
  explicit FailedRows(const std::vector<FailedRecord>& records);

  /// Overrules what was said of these rows before.
  void add(FailedRecord record);
  void remove(RowRange rows);

  /// Rows.
  std::int64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  /// Ascending, disjoint; neighbours with one reason are one record.
  std::vector<FailedRecord> records() const;

 private:
  struct Stretch {
    std::int64_t end = 0;
    std::string reason;
  };
  std::map<std::int64_t, Stretch> from_;  ///< by first row
  std::int64_t count_ = 0;
};

}  // namespace widepipe::dataset
