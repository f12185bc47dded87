#include "report/text_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace widepipe::report {

std::string TextTable::text(std::size_t most_rows) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = columns_[c].title.size();
    for (const auto& row : rows_) width = std::max(width, row[c].size());
    widths.push_back(width);
  }
  std::string text;
  const auto line = [&](const auto& cell) {
    std::string joined = " ";
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      joined += columns_[c].align == Align::kRight ? fmt::format(" {:>{}} ", cell(c), widths[c])
                                                   : fmt::format(" {:<{}} ", cell(c), widths[c]);
    }
    joined.erase(joined.find_last_not_of(' ') + 1);
    text += joined + '\n';
  };
  line([this](std::size_t c) { return columns_[c].title; });
  const bool all = rows_.size() <= most_rows;
  const std::size_t head = all ? rows_.size() : most_rows / 2;
  const std::size_t tail = all ? rows_.size() : rows_.size() - most_rows / 2;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    if (r >= head && r < tail) continue;
    if (r == tail && !all) text += fmt::format("  ... {} more\n", tail - head);
    line([&](std::size_t c) { return rows_[r][c]; });
  }
  return text;
}

}  // namespace widepipe::report
