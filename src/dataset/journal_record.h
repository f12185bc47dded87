#pragma once
// The lines of a journal: 16 hex digits of the payload's checksum, a space, the payload as JSON
// on one line, a newline.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/row_range.h"
#include "dataset/string_fields.h"

namespace widepipe::dataset {

/// First record of a journal.
struct JournalHeader {
  std::int64_t rows = 0;
  std::string created;  ///< date, for people
  /// What must not change between a run and its continuation: field in words, value.
  StringFields identity;

  bool operator==(const JournalHeader&) const = default;
};

/// A run began: date, host, ranks, devices ...
struct RunRecord {
  StringFields fields;
  bool operator==(const RunRecord&) const = default;
};

/// Rows whose results are on disk.
struct RowsRecord {
  std::vector<RowRange> ranges;
  bool operator==(const RowsRecord&) const = default;
};

/// Rows that failed for good.
struct FailedRecord {
  RowRange rows;
  std::string reason;
  bool operator==(const FailedRecord&) const = default;
};

/// Rows that an earlier record says are done, and that are not: their results were wrong.
struct TakenBackRecord {
  std::vector<RowRange> ranges;
  bool operator==(const TakenBackRecord&) const = default;
};

/// Every row is done or failed.
struct DoneRecord {
  bool operator==(const DoneRecord&) const = default;
};

using JournalRecord =
    std::variant<JournalHeader, RunRecord, RowsRecord, FailedRecord, TakenBackRecord, DoneRecord>;

/// The record as a line, newline included. Bytes that are not UTF-8 are replaced.
std::string encode_record(const JournalRecord& record);

/// The record of a line without its newline; nothing if the checksum or the contents are wrong.
std::optional<JournalRecord> decode_record(std::string_view line);

}  // namespace widepipe::dataset
