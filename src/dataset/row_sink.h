#pragma once
// The two seams below the durable writer. Tests put twins here that record what happens.

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/row_range.h"
#include "dataset/journal_record.h"
#include "dataset/output_spec.h"

namespace widepipe::dataset {

/// Where rows go. Called from one thread at a time; every call throws RunError on failure.
class RowSink {
 public:
  virtual ~RowSink() = default;
  /// Columns that each row has.
  virtual std::size_t column_count() const = 0;
  /// Writes the dense rows of a column (an index into the spec's columns).
  virtual void write_rows(std::size_t column, RowRange rows, std::span<const std::byte> bytes) = 0;
  virtual void write_status(RowRange rows, RowStatus status) = 0;
  /// Returns once everything written before will survive a crash. Not to be called again after
  /// it threw: the kernel may have dropped the data that it failed to write.
  virtual void sync() = 0;
};

/// Where records of finished rows go.
class RecordLog {
 public:
  virtual ~RecordLog() = default;
  /// Returns once the records will survive a crash. Throws RunError on failure.
  virtual void append(std::span<const JournalRecord> records) = 0;
};

}  // namespace widepipe::dataset
