#pragma once

#include <string>
#include <vector>

namespace widepipe::report {

/// Aligned columns for people: text to the left, numbers to the right.
class TextTable {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// One cell a column.
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  /// The table, each line indented by two spaces and ended by a newline. Of more than
  /// `most_rows` rows the first and last stand, and a line says how many were left out.
  std::string text(std::size_t most_rows = 40) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace widepipe::report
