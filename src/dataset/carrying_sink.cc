#include "dataset/carrying_sink.h"

#include <algorithm>
#include <utility>

#include "core/aligned_buffer.h"

namespace widepipe::dataset {
namespace {

/// Memory for the rows on their way, whatever the rows that end together.
constexpr std::int64_t kPieceBytes = std::int64_t{4} << 20;

}  // namespace

CarryingSink::CarryingSink(RowSink& sink, std::vector<std::shared_ptr<const RowSource>> carried)
    : sink_(sink), carried_(std::move(carried)) {}

void CarryingSink::write_rows(std::size_t column, RowRange rows, std::span<const std::byte> bytes) {
  sink_.write_rows(column, rows, bytes);
}

void CarryingSink::write_status(RowRange rows, RowStatus status) {
  for (std::size_t i = 0; i < carried_.size(); ++i) {
    const RowSource& source = *carried_[i];
    const DType dtype = source.dtype();
    const std::int64_t row_bytes =
        source.elements_per_row() * static_cast<std::int64_t>(size_of(dtype));
    const std::int64_t piece = std::clamp<std::int64_t>(kPieceBytes / row_bytes, 1, rows.count);
    AlignedBuffer buffer(static_cast<std::size_t>(piece * row_bytes));
    for (std::int64_t first = rows.first; first < rows.end(); first += piece) {
      const std::int64_t now = std::min(piece, rows.end() - first);
      const auto bytes = buffer.span().first(static_cast<std::size_t>(now * row_bytes));
      source.read_rows(first, now, dtype, bytes);
      sink_.write_rows(column_count() + i, {first, now}, bytes);
    }
  }
  sink_.write_status(rows, status);
}

}  // namespace widepipe::dataset
