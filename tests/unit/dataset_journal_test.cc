#include "dataset/journal.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include "core/hash.h"
#include "hdf5_fixture.h"

namespace widepipe::dataset {
namespace {

const JournalHeader kHeader = {
    100, "2026-01-02T03:04:05Z", {{"model", "abc"}, {"input", "x \"y\""}}};

std::string line_of(const std::string& payload) {
  return fmt::format("{:016x} {}\n", checksum64(payload), payload);
}

TEST(JournalRecord, LinesAreAsDocumented) {
  const struct {
    JournalRecord record;
    const char* payload;
  } kCases[] = {
      {kHeader, R"({"kind":"header","format":1,"rows":100,"created":"2026-01-02T03:04:05Z",)"
                R"("identity":{"model":"abc","input":"x \"y\""}})"},
      {RunRecord{{{"host", "n1"}, {"devices", "cpu"}}},
       R"({"kind":"run","fields":{"host":"n1","devices":"cpu"}})"},
      {RunRecord{}, R"({"kind":"run","fields":{}})"},
      {RowsRecord{{{0, 10}, {20, 5}}}, R"({"kind":"rows","ranges":[[0,10],[20,5]]})"},
      {FailedRecord{{7, 1}, "line\nbreak"},
       R"({"kind":"failed","first":7,"count":1,"reason":"line\nbreak"})"},
      {TakenBackRecord{{{3, 4}}}, R"({"kind":"taken_back","ranges":[[3,4]]})"},
      {DoneRecord{}, R"({"kind":"done"})"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.payload);
    const std::string line = encode_record(c.record);
    EXPECT_EQ(line, line_of(c.payload));
    EXPECT_EQ(decode_record(std::string_view(line).substr(0, line.size() - 1)), c.record);
  }
  EXPECT_NE(encode_record(FailedRecord{{0, 1}, "\xff"}).find("\xef\xbf\xbd"), std::string::npos);
}

TEST(JournalRecord, RefusesDamage) {
  const std::string good = line_of(R"({"kind":"done"})");
  std::string flipped = good;
  flipped[20] ^= 1;
  for (const std::string& line :
       {std::string(), std::string("0123456789abcdef"), flipped, line_of("{}"), line_of("[1"),
        line_of(R"({"kind":"other"})"), line_of(R"({"kind":"rows","ranges":[[1]]})"),
        line_of(R"({"kind":"failed","first":"1","count":1,"reason":""})"),
        line_of(R"({"kind":"failed","first":1.5,"count":1,"reason":""})"),
        line_of(R"({"kind":"rows","ranges":[[3e50,20]]})"),
        line_of(R"({"kind":"header","format":1,"rows":1e3,"created":"","identity":{}})"),
        line_of(R"({"kind":"header","format":2,"rows":1,"created":"","identity":{}})")}) {
    EXPECT_FALSE(decode_record(std::string_view(line).substr(0, line.find('\n')))) << line;
  }
}

TEST(Journal, RowsThatWereTakenBackAreNotDone) {
  const TempFolder folder;
  create_journal("j", kHeader);
  {
    Journal journal("j");
    const std::vector<JournalRecord> records = {RowsRecord{{{0, 50}}}, TakenBackRecord{{{10, 20}}},
                                                RowsRecord{{{15, 5}}}, TakenBackRecord{{{90, 11}}}};
    journal.append(records);
  }
  const JournalContents contents = read_journal("j");
  EXPECT_EQ(contents.done.ranges(), (std::vector<RowRange>{{0, 10}, {15, 5}, {30, 20}}));
  EXPECT_EQ(contents.warnings.size(), 0U) << "the last one reaches beyond the rows, at the end";
}

TEST(Journal, AppendsAndReadsBack) {
  const TempFolder folder;
  create_journal("j", kHeader);
  EXPECT_FALSE(std::filesystem::exists("j.part"));
  {
    Journal journal("j");
    EXPECT_EQ(journal.contents().header, kHeader);
    const std::vector<JournalRecord> first = {RunRecord{{{"ranks", "4"}}},
                                              RowsRecord{{{0, 10}, {30, 10}}},
                                              FailedRecord{{50, 10}, "bad"}};
    journal.append(first);
    journal.append({});
  }
  {
    Journal journal("j");
    // Later records overrule: rows 52 and 53 were computed after all, row 5 failed.
    const std::vector<JournalRecord> second = {RunRecord{{{"ranks", "2"}}},
                                               RowsRecord{{{10, 20}, {52, 2}}},
                                               FailedRecord{{5, 1}, "worse"}, DoneRecord{}};
    journal.append(second);
  }
  const JournalContents contents = read_journal("j");
  EXPECT_EQ(contents.runs, (std::vector<StringFields>{{{"ranks", "4"}}, {{"ranks", "2"}}}));
  EXPECT_EQ(contents.done.ranges(), (std::vector<RowRange>{{0, 5}, {6, 34}, {52, 2}}));
  EXPECT_EQ(contents.failed,
            (std::vector<FailedRecord>{{{5, 1}, "worse"}, {{50, 2}, "bad"}, {{54, 6}, "bad"}}));
  EXPECT_EQ(contents.failed_rows(), 9);
  EXPECT_EQ(contents.failed_set().count(), 9);
  EXPECT_TRUE(contents.finished);
  EXPECT_TRUE(contents.warnings.empty());
  EXPECT_EQ(contents.valid_bytes, std::filesystem::file_size("j"));
}

TEST(Journal, DropsATornTailAtEveryByte) {
  const TempFolder folder;
  const std::string head = encode_record(kHeader) + encode_record(RowsRecord{{{0, 10}}});
  const std::string tail = encode_record(RowsRecord{{{10, 10}}});
  for (std::size_t kept = 0; kept < tail.size(); ++kept) {
    SCOPED_TRACE(kept);
    spit("j", head + tail.substr(0, kept));
    EXPECT_EQ(read_journal("j").done.count(), 10);
    {
      Journal journal("j");
      EXPECT_EQ(std::filesystem::file_size("j"), head.size());
      const JournalRecord record = RowsRecord{{{20, 10}}};
      journal.append({&record, 1});
    }
    const JournalContents contents = read_journal("j");
    EXPECT_EQ(contents.done.ranges(), (std::vector<RowRange>{{0, 10}, {20, 10}}));
    EXPECT_TRUE(contents.warnings.empty());
  }
}

TEST(Journal, SkipsDamageInTheMiddle) {
  const TempFolder folder;
  const std::string rows = encode_record(RowsRecord{{{0, 10}}});
  const std::string last = encode_record(RowsRecord{{{90, 10}}});
  std::string flipped = encode_record(RowsRecord{{{10, 10}}});
  flipped[30] ^= 1;
  const std::string one =
      "j: 1 damaged record skipped; the rows named there will be computed again";
  const std::string two =
      "j: 2 damaged records skipped; the rows named there will be computed again";
  const struct {
    const char* name;
    std::string middle;
    std::string warning;
  } kCases[] = {
      {"flipped bit", flipped, one},
      {"two", flipped + flipped, two},
      {"zeros swallow a line", std::string(100, '\0') + encode_record(DoneRecord{}), one},
      {"rows beyond the end", encode_record(RowsRecord{{{10, 1}, {95, 6}}}), one},
      {"negative row", encode_record(RowsRecord{{{-1, 5}}}), one},
      {"negative count", encode_record(RowsRecord{{{5, -1}}}), one},
      {"overflow", encode_record(RowsRecord{{{1, INT64_MAX}}}), one},
      {"failed rows beyond the end", encode_record(FailedRecord{{100, 1}, ""}), one},
      {"a second header", encode_record(kHeader), one},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    spit("j", encode_record(kHeader) + rows + c.middle + last);
    const JournalContents contents = read_journal("j");
    EXPECT_EQ(contents.done.ranges(), (std::vector<RowRange>{{0, 10}, {90, 10}}));
    EXPECT_EQ(contents.warnings, std::vector<std::string>{c.warning});
    // At the end the same bytes are a torn write.
    spit("j", encode_record(kHeader) + rows + c.middle);
    EXPECT_TRUE(read_journal("j").warnings.empty());
    EXPECT_EQ(Journal("j").contents().done.count(), 10);
    EXPECT_EQ(slurp("j"), encode_record(kHeader) + rows);
  }
}

TEST(Journal, RefusesABadHeader) {
  const TempFolder folder;
  const auto why = [](const char* first) {
    return fmt::format(
        "j: is not a readable journal: its first line is {}, expected a header record of format 1, "
        "so that what is done cannot be known; use --restart to begin anew",
        first);
  };
  const std::string header = encode_record(kHeader);
  const struct {
    std::string text;
    std::string expected;
  } kCases[] = {
      {"", why("missing")},
      {header.substr(0, header.size() - 1), why("damaged")},
      {"hello\n" + header, why("damaged")},
      {encode_record(DoneRecord{}), why("damaged")},
  };
  for (const auto& c : kCases) {
    spit("j", c.text);
    EXPECT_EQ(error_of<InputError>([] { read_journal("j"); }), c.expected);
    EXPECT_EQ(error_of<InputError>([] { Journal journal("j"); }), c.expected);
    EXPECT_EQ(slurp("j"), c.text);
  }
  EXPECT_EQ(error_of<InputError>([] { read_journal("none"); }),
            "none: cannot be read: No such file or directory");
}

TEST(Journal, FullDisk) {
  const TempFolder folder;
  create_journal("j", kHeader);
  Journal journal("j");
  const auto size = std::filesystem::file_size("j");
  const std::vector<JournalRecord> records(2, RowsRecord{{{0, 10}}});
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto append_within = [&](rlim_t limit) {
    const rlimit low{limit, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &low);
    const std::string error = error_of<RunError>([&] { journal.append(records); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    return error;
  };
  const std::string nothing = append_within(size);
  const std::string some = append_within(size + 60);
  ::signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ(nothing, "j: cannot be written: File too large");
  EXPECT_EQ(some, fmt::format("j: cannot be written: only 60 of {} bytes fit on the disk",
                              2 * encode_record(records[0]).size()));
  // What did fit is a whole record and a torn one.
  EXPECT_EQ(read_journal("j").done.count(), 10);
  EXPECT_EQ(error_of<RunError>([] { create_journal("none/j", kHeader); }),
            "none/j: cannot be created: No such file or directory");
}

}  // namespace
}  // namespace widepipe::dataset
