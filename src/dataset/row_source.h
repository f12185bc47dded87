#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/row_range.h"
#include "core/tensor.h"
#include "dataset/string_fields.h"

namespace widepipe::dataset {

/// Tells whether an input is still the one that a job began with.
struct InputIdentity {
  /// Data set path, type, shape, bytes and content hash, as one line of text: the same on every
  /// machine and for every copy of the files, so that an output's attributes may hold it.
  std::string content;
  /// Whether the hash covers every byte (up to 64 MiB) or blocks spread over the files. Where it
  /// does not, the times of modification are the second witness.
  bool whole_file_hashed = true;
  std::string time;  ///< nanoseconds since 1970; of several files a hash over all theirs
  std::uint64_t file_bytes = 0;
};

/// Rows that can be read at random: of one data set, of many files, or of either with something
/// done to them on the way. Axis 0 of what is stored counts the rows.
///
/// Threads: all const members may be called from several threads at once.
class RowSource {
 public:
  virtual ~RowSource() = default;

  /// As the user named it: "IN.h5:/images", "part*.h5:/images". Begins the messages.
  virtual std::string name() const = 0;
  /// The files that are read.
  virtual std::vector<std::string> files() const = 0;
  virtual std::int64_t rows() const = 0;
  /// Shape of one row; empty for one number a row.
  virtual Shape row_shape() const = 0;
  std::int64_t elements_per_row() const { return element_count(row_shape()); }
  /// The native type that holds every stored value (f32 for f16).
  virtual DType dtype() const = 0;
  /// The type as stored: "u8", "f16", "i32 big-endian".
  virtual std::string dtype_name() const = 0;
  /// Row ranges are best cut at multiples of this; 0 or 1 when it does not matter.
  virtual std::int64_t chunk_rows() const = 0;

  /// Throws InputError unless rows may be read as `as`: any number as f32 and f64; integers as
  /// integers and bool, where values that do not fit fail when they are read.
  virtual void check_readable_as(DType as) const;

  /// Reads rows [first, first + count) as `as`, row-major, into `out`, which holds exactly
  /// count * elements_per_row() elements and is aligned for them. Values are converted one by
  /// one, floats rounded to nearest. Throws RunError, naming the file, if it cannot be
  /// read, and if the range or `out` does not fit.
  void read_rows(std::int64_t first, std::int64_t count, DType as, std::span<std::byte> out) const;

  /// Reads up to 64 MiB of one file, of each of many at least 12 KiB. Throws RunError if that
  /// fails.
  virtual InputIdentity identity() const = 0;

  /// What is taken and done on the way: "rows", "channels", "scale", "offset". Empty when all
  /// rows are taken as they are stored. The start table and the journal name them.
  virtual StringFields settings() const = 0;

  /// What `widepipe inspect` shows: type, shape, layout, filters, bytes.
  virtual StringFields describe() const = 0;

 protected:
  RowSource() = default;
  RowSource(const RowSource&) = default;
  RowSource(RowSource&&) = default;
  RowSource& operator=(const RowSource&) = default;
  RowSource& operator=(RowSource&&) = default;

 private:
  /// The range and `out` fit each other, and the range is not empty.
  virtual void read_checked(RowRange rows, DType as, std::span<std::byte> out) const = 0;
};

}  // namespace widepipe::dataset
