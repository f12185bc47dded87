#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/row_range.h"
#include "core/tensor.h"
#include "dataset/dataset_ref.h"
#include "dataset/string_fields.h"

namespace widepipe::dataset {

/// Tells whether an input is still the one that a job began with.
struct InputIdentity {
  /// Data set path, type, shape, file size and content hash, as one line of text: the same on
  /// every machine and for every copy of the file, so that an output's attributes may hold it.
  std::string content;
  /// Whether the hash covers every byte (files up to 64 MiB) or 66 blocks spread over the file.
  /// Where it does not, the time of modification is the second witness.
  bool whole_file_hashed = true;
  std::int64_t mtime_ns = 0;
  std::uint64_t file_bytes = 0;
};

/// A data set opened for reading; axis 0 counts the rows. Movable.
///
/// Threads: all const members may be called from several threads at once. Contiguous data of
/// native type are read in parallel at their file offset; everything else (chunked, compressed,
/// foreign byte order, f16) goes through the HDF5 library, one thread of the process at a time.
class InputDataset {
 public:
  /// Throws InputError, saying what was expected and found, if the file or the data set is
  /// missing, unreadable, truncated, not numeric, has no rows, or lacks a filter.
  explicit InputDataset(DatasetRef ref);
  ~InputDataset();
  InputDataset(InputDataset&&) noexcept;
  InputDataset& operator=(InputDataset&&) noexcept;

  const DatasetRef& ref() const;
  /// Rows first: [rows, ...row_shape].
  const Shape& shape() const;
  std::int64_t rows() const;
  /// Shape of one row; empty for one number a row.
  Shape row_shape() const;
  std::int64_t elements_per_row() const;
  /// The native type that holds every stored value (f32 for f16).
  DType dtype() const;
  /// The type as stored: "u8", "f16", "i32 big-endian".
  const std::string& dtype_name() const;
  /// Whether reads run in parallel (see above).
  bool reads_in_parallel() const;

  /// Throws InputError unless rows may be read as `as`: any number as f32 and f64; integers as
  /// integers that hold every value of the stored type; bool and u8 as bool.
  void check_readable_as(DType as) const;

  /// Reads rows [first, first + count) as `as`, row-major, into `out`, which holds exactly
  /// count * elements_per_row() elements and is aligned for them. Values are converted one by
  /// one, floats rounded to nearest. Throws RunError, naming the rows, if the file cannot be
  /// read, and if the range or `out` does not fit.
  void read_rows(std::int64_t first, std::int64_t count, DType as, std::span<std::byte> out) const;

  /// What `widepipe inspect` shows: type, shape, layout, filters, bytes.
  StringFields describe() const;

  /// Reads up to 64 MiB of the file. Throws RunError if that fails.
  InputIdentity identity() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace widepipe::dataset
