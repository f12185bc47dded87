#include "dataset/row_source.h"

#include "core/error.h"
#include "dataset/convert.h"

namespace widepipe::dataset {

void RowSource::check_readable_as(DType as) const {
  const std::string why = why_not_convertible(dtype(), as);
  if (!why.empty()) {
    throw_input_error("{}: is stored as {} and cannot be read as {}: {}", name(), dtype_name(),
                      name_of(as), why);
  }
}

void RowSource::read_rows(std::int64_t first, std::int64_t count, DType as,
                          std::span<std::byte> out) const {
  if (first < 0 || count < 0 || count > rows() - first) {
    throw_run_error("{}: cannot read {} rows from row {}: it has {} rows", name(), count, first,
                    rows());
  }
  const std::size_t wanted = static_cast<std::size_t>(count * elements_per_row()) * size_of(as);
  if (out.size() != wanted) {
    throw_run_error("{}: {} rows as {} are {} bytes, the buffer has {}", name(), count, name_of(as),
                    wanted, out.size());
  }
  if (count > 0) read_checked({first, count}, as, out);
}

}  // namespace widepipe::dataset
