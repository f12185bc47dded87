#include "dataset/failed_rows.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace widepipe::dataset {

FailedRows::FailedRows(const std::vector<FailedRecord>& records) {
  for (const FailedRecord& record : records) add(record);
}

void FailedRows::add(FailedRecord record) {
  if (record.rows.count <= 0) return;
  remove(record.rows);
  count_ += record.rows.count;
  std::int64_t first = record.rows.first;
  std::int64_t end = record.rows.end();
  auto next = from_.lower_bound(first);
  if (next != from_.end() && next->first == end && next->second.reason == record.reason) {
    end = next->second.end;
    next = from_.erase(next);
  }
  if (next != from_.begin()) {
    Stretch& before = std::prev(next)->second;
    if (before.end == first && before.reason == record.reason) {
      before.end = end;
      return;
    }
  }
  from_.emplace_hint(next, first, Stretch{end, std::move(record.reason)});
}

void FailedRows::remove(RowRange rows) {
  if (rows.count <= 0) return;
  auto next = from_.upper_bound(rows.first);
  if (next != from_.begin() && std::prev(next)->second.end > rows.first) --next;
  while (next != from_.end() && next->first < rows.end()) {
    const std::int64_t first = next->first;
    Stretch stretch = std::move(next->second);
    count_ -= std::min(stretch.end, rows.end()) - std::max(first, rows.first);
    next = from_.erase(next);
    // What sticks out on either side stays.
    if (first < rows.first) from_.emplace_hint(next, first, Stretch{rows.first, stretch.reason});
    if (stretch.end > rows.end()) from_.emplace_hint(next, rows.end(), std::move(stretch));
  }
}

std::vector<FailedRecord> FailedRows::records() const {
  std::vector<FailedRecord> records;
  records.reserve(from_.size());
  for (const auto& [first, stretch] : from_) {
    records.push_back({{first, stretch.end - first}, stretch.reason});
  }
  return records;
}

}  // namespace widepipe::dataset
