#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace widepipe::dataset {

/// What is stored of a model output.
enum class OutputForm {
  kRaw,      ///< as it is
  kSoftmax,  ///< over the last axis of a row
  kArgmax,   ///< index of the greatest value on the last axis
  kTopK      ///< indices and values of the k greatest on the last axis, greatest first
};

/// What a transform makes of a row.
struct TransformedColumn {
  std::string suffix;  ///< tells a transform's columns from each other and from the raw output
  DType dtype = DType::kUndefined;
  Shape row_shape;
};

/// Makes the rows that are stored of the rows of a model output. A pure function of each row: its
/// bits depend on nothing else, on every machine. Threads: may be shared.
///
/// Greatest is by value, then by lower index; NaN comes last.
class RowTransform {
 public:
  /// For outputs of `dtype` with rows of `row_shape`. Throws InputError, saying what was expected
  /// and found: softmax of integers, rows of one number where an axis is needed, k out of range.
  RowTransform(OutputForm form, std::int64_t k, DType dtype, Shape row_shape);

  /// "raw", "softmax", "argmax", "top 5".
  std::string name() const;
  /// One, or for kTopK two: indices, values.
  const std::vector<TransformedColumn>& columns() const { return columns_; }
  /// Of one row of each column.
  std::vector<std::size_t> column_bytes() const;

  /// `in` holds `rows` rows of the output, `outs[i]` room for as many of column i; all are aligned
  /// for their types.
  void apply(std::int64_t rows, std::span<const std::byte> in,
             std::span<const std::span<std::byte>> outs) const;

 private:
  void require_axis() const;

  OutputForm form_;
  std::int64_t k_;
  DType dtype_;
  Shape row_shape_;
  std::vector<TransformedColumn> columns_;
};

}  // namespace widepipe::dataset
