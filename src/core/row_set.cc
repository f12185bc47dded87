#include "core/row_set.h"

#include <algorithm>
#include <iterator>

namespace widepipe {

void RowSet::add(RowRange range) {
  if (range.count <= 0) return;
  std::int64_t first = range.first;
  std::int64_t end = range.end();
  // Swallow every range that overlaps or touches [first, end).
  auto next = end_of_.upper_bound(first);
  if (next != end_of_.begin() && std::prev(next)->second >= first) --next;
  while (next != end_of_.end() && next->first <= end) {
    first = std::min(first, next->first);
    end = std::max(end, next->second);
    count_ -= next->second - next->first;
    next = end_of_.erase(next);
  }
  end_of_.emplace_hint(next, first, end);
  count_ += end - first;
}

void RowSet::remove(RowRange range) {
  if (range.count <= 0) return;
  auto next = end_of_.upper_bound(range.first);
  if (next != end_of_.begin() && std::prev(next)->second > range.first) --next;
  while (next != end_of_.end() && next->first < range.end()) {
    const auto [first, end] = *next;
    count_ -= end - first;
    next = end_of_.erase(next);
    // What sticks out on either side stays.
    if (first < range.first) {
      end_of_.emplace_hint(next, first, range.first);
      count_ += range.first - first;
    }
    if (end > range.end()) {
      end_of_.emplace_hint(next, range.end(), end);
      count_ += end - range.end();
    }
  }
}

void RowSet::clear() {
  end_of_.clear();
  count_ = 0;
}

bool RowSet::contains(std::int64_t row) const { return covers({row, 1}); }

bool RowSet::covers(RowRange range) const {
  if (range.count <= 0) return true;
  const auto next = end_of_.upper_bound(range.first);
  return next != end_of_.begin() && std::prev(next)->second >= range.end();
}

std::vector<RowRange> RowSet::ranges() const {
  std::vector<RowRange> list;
  list.reserve(end_of_.size());
  for (const auto& [first, end] : end_of_) list.push_back({first, end - first});
  return list;
}

std::vector<RowRange> RowSet::missing(std::int64_t rows) const {
  std::vector<RowRange> list;
  std::int64_t next_row = 0;
  for (const auto& [first, end] : end_of_) {
    if (first >= rows) break;
    if (first > next_row) list.push_back({next_row, first - next_row});
    next_row = end;
  }
  if (next_row < rows) list.push_back({next_row, rows - next_row});
  return list;
}

}  // namespace widepipe
