#include "mpi_runtime/rows_done.h"

#include <fmt/format.h>

#include <sstream>

namespace widepipe::mpi_runtime {

std::string pack(std::span<const RowFailure> failures) {
  std::string text;
  for (const RowFailure& failure : failures) {
    text += fmt::format("{} {} {} {}", failure.rows.first, failure.rows.count,
                        failure.reason.size(), failure.reason);
  }
  return text;
}

std::vector<RowFailure> unpack_failures(std::string_view text) {
  std::vector<RowFailure> failures;
  std::istringstream records{std::string(text)};
  RowFailure failure;
  std::size_t length = 0;
  while (records >> failure.rows.first >> failure.rows.count >> length) {
    records.get();  // the space before the reason
    failure.reason.resize(length);
    records.read(failure.reason.data(), static_cast<std::streamsize>(length));
    failures.push_back(failure);
  }
  return failures;
}

std::vector<RowRange> rows_between(RowRange rows, std::span<const RowFailure> failures) {
  std::vector<RowRange> good;
  std::int64_t first = rows.first;
  const auto add_up_to = [&](std::int64_t end) {
    if (end > first) good.push_back({first, end - first});
  };
  for (const RowFailure& failure : failures) {
    add_up_to(failure.rows.first);
    first = failure.rows.end();
  }
  add_up_to(rows.end());
  return good;
}

}  // namespace widepipe::mpi_runtime
