#include "dataset/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "dataset/disk.h"
#include "dataset/failed_rows.h"

namespace widepipe::dataset {
namespace {

/// Collects records into contents.
class Reader {
 public:
  Reader(JournalContents& contents, std::int64_t rows) : contents_(contents), rows_(rows) {}

  /// False if the record does not belong here: a second header, rows outside the data set.
  bool take(JournalRecord record) {
    if (auto* run = std::get_if<RunRecord>(&record)) {
      contents_.runs.push_back(std::move(run->fields));
      return true;
    }
    if (const auto* rows = std::get_if<RowsRecord>(&record)) {
      if (!inside(rows->ranges)) return false;
      for (const RowRange& range : rows->ranges) {
        failed_.remove(range);
        contents_.done.add(range);
      }
      return true;
    }
    if (auto* failed = std::get_if<FailedRecord>(&record)) {
      if (!inside(failed->rows)) return false;
      contents_.done.remove(failed->rows);
      failed_.add(std::move(*failed));
      return true;
    }
    if (const auto* taken_back = std::get_if<TakenBackRecord>(&record)) {
      if (!inside(taken_back->ranges)) return false;
      for (const RowRange& range : taken_back->ranges) contents_.done.remove(range);
      return true;
    }
    if (std::holds_alternative<DoneRecord>(record)) {
      contents_.finished = true;
      return true;
    }
    return false;
  }

  void finish() { contents_.failed = failed_.records(); }

 private:
  bool inside(RowRange range) const {
    return range.first >= 0 && range.count > 0 && range.first < rows_ &&
           range.count <= rows_ - range.first;
  }

  bool inside(const std::vector<RowRange>& ranges) const {
    return std::all_of(ranges.begin(), ranges.end(),
                       [this](const RowRange& range) { return inside(range); });
  }

  JournalContents& contents_;
  std::int64_t rows_;
  FailedRows failed_;
};

/// A line and where it ends; the last one may lack its newline.
struct Line {
  std::string_view text;
  std::size_t end = 0;
  bool whole = false;
};

Line line_at(std::string_view text, std::size_t start) {
  const std::size_t newline = text.find('\n', start);
  if (newline == std::string_view::npos) return {text.substr(start), text.size(), false};
  return {text.substr(start, newline - start), newline + 1, true};
}

}  // namespace

std::int64_t JournalContents::failed_rows() const {
  std::int64_t rows = 0;
  for (const FailedRecord& record : failed) rows += record.rows.count;
  return rows;
}

RowSet JournalContents::failed_set() const {
  RowSet set;
  for (const FailedRecord& record : failed) set.add(record.rows);
  return set;
}

JournalContents read_journal(const std::string& path) {
  const auto text = read_text(path);
  if (!text) throw_input_error("{}: cannot be read: {}", path, errno_text());

  JournalContents contents;
  Line line = line_at(*text, 0);
  const auto header = line.whole ? decode_record(line.text) : std::nullopt;
  if (!header || !std::holds_alternative<JournalHeader>(*header)) {
    throw_input_error(
        "{}: is not a readable journal: its first line is {}, expected a header record of "
        "format 1, so that what is done cannot be known; use --restart to begin anew",
        path, text->empty() ? "missing" : "damaged");
  }
  contents.header = std::get<JournalHeader>(*header);
  contents.valid_bytes = line.end;

  Reader reader(contents, contents.header.rows);
  int bad_in_a_row = 0;
  int bad = 0;
  while (line.end < text->size()) {
    line = line_at(*text, line.end);
    auto record = line.whole ? decode_record(line.text) : std::nullopt;
    if (record && reader.take(std::move(*record))) {
      bad += std::exchange(bad_in_a_row, 0);
      contents.valid_bytes = line.end;
    } else {
      ++bad_in_a_row;
    }
  }
  reader.finish();
  // Bad lines at the very end are a write that a crash tore: expected, and cut off silently.
  if (bad > 0) {
    contents.warnings.push_back(
        fmt::format("{}: {} damaged record{} skipped; the rows named there will be computed again",
                    path, bad, bad == 1 ? "" : "s"));
  }
  return contents;
}

void create_journal(const std::string& path, const JournalHeader& header) {
  const std::string part = path + ".part";
  const std::string line = encode_record(header);
  UniqueFd fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd.valid() || !write_at(fd.get(), 0, std::as_bytes(std::span(line))) ||
      !sync_file(fd.get())) {
    const int error = errno;
    ::unlink(part.c_str());
    errno = error;
    throw_run_error("{}: cannot be created: {}", path, errno_text());
  }
  fd.reset();
  rename_part(path);
}

Journal::Journal(std::string path)
    : path_(std::move(path)),
      contents_(read_journal(path_)),
      fd_(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)) {
  // Cut off and made durable before anything is appended: otherwise the rest of a torn line
  // would swallow the next record.
  if (!fd_.valid() || !cut_to(fd_.get(), contents_.valid_bytes) || !sync_data(fd_.get())) {
    throw_run_error("{}: cannot be opened for writing: {}", path_, errno_text());
  }
  bytes_ = contents_.valid_bytes;
}

void Journal::append(std::span<const JournalRecord> records) {
  if (records.empty()) return;
  const std::string why = why_not_whole(fd_.get(), bytes_);
  if (!why.empty()) {
    throw_run_error("{} {}: what is done is not known any more; begin anew with --restart", path_,
                    why);
  }
  std::string text;
  for (const JournalRecord& record : records) text += encode_record(record);
  const std::optional<std::size_t> put = append_to(fd_.get(), text);
  if (!put) throw_run_error("{}: cannot be written: {}", path_, errno_text());
  if (*put < text.size()) {
    throw_run_error("{}: cannot be written: only {} of {} bytes fit on the disk", path_, *put,
                    text.size());
  }
  bytes_ += text.size();
  if (!sync_data(fd_.get())) {
    throw_run_error("{}: cannot be synced to disk: {}", path_, errno_text());
  }
}

}  // namespace widepipe::dataset
