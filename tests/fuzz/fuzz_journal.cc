// Any bytes as a journal: read, or refused with an InputError. What it is taken to say is
// consistent, and is said again by a journal written from it.

#include <fmt/format.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/hash.h"
#include "dataset/journal.h"
#include "tests/fuzz/fuzz_check.h"

namespace {

using namespace widepipe;

/// Every line behind its checksum: no fuzzer finds those.
std::string with_checksums(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    lines += fmt::format("{:016x} {}\n", checksum64(line), line);
  }
  return lines;
}

void write(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

bool inside(RowRange range, std::int64_t rows) {
  return range.first >= 0 && range.count > 0 && range.end() <= rows;
}

void check_contents(const dataset::JournalContents& journal, std::uint64_t bytes) {
  fuzz::check(journal.valid_bytes <= bytes, "what is valid is in the file");
  for (const RowRange& range : journal.done.ranges()) {
    fuzz::check(inside(range, journal.header.rows), "rows that are done are in the data set");
  }
  const RowSet failed = journal.failed_set();
  for (const RowRange& range : failed.ranges()) {
    fuzz::check(inside(range, journal.header.rows), "rows that failed are in the data set");
  }
  fuzz::check(failed.count() == journal.failed_rows(), "a row fails once");
  RowSet both = journal.done;
  for (const RowRange& range : failed.ranges()) both.add(range);
  fuzz::check(both.count() == journal.done.count() + failed.count(), "no row is done and failed");
}

/// Opened for writing, continued and read again.
void check_continued(const std::string& path, const dataset::JournalContents& before) {
  std::vector<dataset::JournalRecord> more;
  if (before.header.rows > 0) more.emplace_back(dataset::RowsRecord{{{0, 1}}});
  {
    dataset::Journal journal(path);
    journal.append(more);
  }
  const dataset::JournalContents after = dataset::read_journal(path);
  RowSet expected = before.done;
  if (!more.empty()) expected.add({0, 1});
  fuzz::check(after.done.ranges() == expected.ranges(), "a record that is added is read");
  fuzz::check(after.header == before.header, "the header stays");
}

void check_journal(const std::string& path, std::string_view text) {
  write(path, text);
  try {
    const dataset::JournalContents journal = dataset::read_journal(path);
    check_contents(journal, text.size());
    check_continued(path, journal);
  } catch (const InputError&) {  // as it should be
  }
}

void check_records(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto record = dataset::decode_record(line);
    if (!record) continue;
    std::string again = dataset::encode_record(*record);
    again.pop_back();
    fuzz::check(dataset::decode_record(again) == record, "a record that is written is read");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("fuzz-journal-{}", ::getpid()))
          .string();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_journal(path, text);
  const std::string signed_text = with_checksums(text);
  check_journal(path, signed_text);
  check_records(signed_text);
  return 0;
}
