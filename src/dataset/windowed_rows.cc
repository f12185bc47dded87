#include "dataset/windowed_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace widepipe::dataset {
namespace {

std::string text_of(const RowWindow& window) {
  return fmt::format("{}:{}", window.first, window.end ? std::to_string(*window.end) : "");
}

RowRange resolve(const RowSource& base, const RowWindow& window) {
  const std::int64_t end = window.end.value_or(base.rows());
  if (window.first < 0 || end > base.rows() || window.first >= base.rows()) {
    throw_input_error("{}: expected rows inside 0:{}, found {}", base.name(), base.rows(),
                      text_of(window));
  }
  if (window.first >= end) {
    throw_input_error("{}: expected at least one row, found {}", base.name(), text_of(window));
  }
  const std::int64_t limit = window.limit.value_or(end - window.first);
  if (limit < 1) {
    throw_input_error("{}: expected a limit of at least one row, found {}", base.name(), limit);
  }
  return {window.first, std::min(end - window.first, limit)};
}

RowRange part_of(const RowSource& base, RowRange rows, const std::optional<Shard>& shard) {
  if (!shard) return rows;
  if (rows.count < shard->count) {
    throw_input_error("{}: expected at least one row for each of {} shards, found {} rows",
                      base.name(), shard->count, rows.count);
  }
  const std::int64_t each = rows.count / shard->count;
  const std::int64_t longer = rows.count % shard->count;  // parts with one row more, the first
  const std::int64_t index = shard->index;
  return {rows.first + index * each + std::min(index, longer), each + (index < longer ? 1 : 0)};
}

}  // namespace

WindowedRows::WindowedRows(std::shared_ptr<const RowSource> rows, const RowWindow& window)
    : DerivedRows(std::move(rows)),
      wanted_(resolve(base(), window)),
      taken_(part_of(base(), wanted_, window.shard)) {}

std::int64_t WindowedRows::chunk_rows() const {
  const std::int64_t chunk = base().chunk_rows();
  return chunk > 0 && taken_.first % chunk == 0 ? chunk : 0;
}

StringFields WindowedRows::own_settings() const {
  if (wanted_.count == base().rows()) return {};
  return {{"rows", fmt::format("{} to {} of {}", wanted_.first, wanted_.end() - 1, base().rows())}};
}

void WindowedRows::read_checked(RowRange rows, DType as, std::span<std::byte> out) const {
  base().read_rows(taken_.first + rows.first, rows.count, as, out);
}

}  // namespace widepipe::dataset
