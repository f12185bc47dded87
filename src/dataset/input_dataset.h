#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataset/dataset_ref.h"
#include "dataset/posix_file.h"
#include "dataset/row_source.h"

namespace widepipe::dataset {

/// A data set opened for reading. Movable.
///
/// Threads: contiguous data of native type are read in parallel at their file offset; everything
/// else (chunked, compressed, foreign byte order, f16) goes through the HDF5 library, one thread
/// of the process at a time.
class InputDataset final : public RowSource {
 public:
  /// Throws InputError, saying what was expected and found, if the file or the data set is
  /// missing, unreadable, truncated, not numeric, has no rows, or lacks a filter.
  explicit InputDataset(DatasetRef ref);
  ~InputDataset() override;
  InputDataset(InputDataset&&) noexcept;
  InputDataset& operator=(InputDataset&&) noexcept;

  std::string name() const override;
  std::vector<std::string> files() const override;
  std::int64_t rows() const override;
  Shape row_shape() const override;
  DType dtype() const override;
  std::string dtype_name() const override;
  std::int64_t chunk_rows() const override;
  InputIdentity identity() const override;
  StringFields settings() const override { return {}; }
  StringFields describe() const override;

  /// Rows first: [rows, ...row_shape].
  const Shape& shape() const;
  /// Whether reads run in parallel (see above).
  bool reads_in_parallel() const;
  const FileStamp& stamp() const;

 private:
  void read_checked(RowRange rows, DType as, std::span<std::byte> out) const override;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace widepipe::dataset
