#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/row_set.h"
#include "dataset/journal_record.h"
#include "dataset/posix_file.h"
#include "dataset/row_sink.h"

namespace widepipe::dataset {

/// What a journal says, later records overruling earlier ones.
struct JournalContents {
  JournalHeader header;
  std::vector<StringFields> runs;  ///< fields of each run, in order
  RowSet done;
  std::vector<FailedRecord> failed;  ///< as of FailedRows; none of them in `done`
  bool finished = false;             ///< it has a done record
  /// For the user: damaged records in the middle, whose rows will be computed again.
  std::vector<std::string> warnings;
  /// Bytes up to the end of the last good record; what lies behind is a torn write.
  std::uint64_t valid_bytes = 0;

  std::int64_t failed_rows() const;
  RowSet failed_set() const;
};

/// Throws InputError if there is no such file or its header is missing or damaged.
JournalContents read_journal(const std::string& path);

/// Makes the journal with its header, as FILE.part that is then renamed; replaces FILE. Throws
/// RunError.
void create_journal(const std::string& path, const JournalHeader& header);

/// A journal opened for appending. One thread at a time.
class Journal final : public RecordLog {
 public:
  /// Cuts off a torn tail. Throws like read_journal(), and RunError if it cannot be written.
  explicit Journal(std::string path);

  /// One write and one fdatasync, whatever the number of records.
  void append(std::span<const JournalRecord> records) override;

  /// What it held when it was opened.
  const JournalContents& contents() const { return contents_; }

 private:
  std::string path_;
  JournalContents contents_;
  UniqueFd fd_;
  std::uint64_t bytes_ = 0;  ///< that it must have
};

}  // namespace widepipe::dataset
