#pragma once

#include "dataset/derived_rows.h"
#include "dataset/source_spec.h"

namespace widepipe::dataset {

/// Some consecutive rows of a source; row 0 is the first of them.
class WindowedRows final : public DerivedRows {
 public:
  /// Throws InputError, with what was asked for and found, unless the window holds a row and
  /// lies inside the base's rows (`limit` may exceed them).
  WindowedRows(std::shared_ptr<const RowSource> base, const RowWindow& window);

  std::int64_t rows() const override { return taken_.count; }
  /// Only where the window begins on a chunk.
  std::int64_t chunk_rows() const override;

 private:
  StringFields own_settings() const override;
  void read_checked(RowRange rows, DType as, std::span<std::byte> out) const override;

  RowRange wanted_;  ///< by all shards
  RowRange taken_;
};

}  // namespace widepipe::dataset
