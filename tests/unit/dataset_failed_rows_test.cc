#include "dataset/failed_rows.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace widepipe::dataset {
namespace {

TEST(FailedRows, LaterWordsOverruleAndNeighboursJoin) {
  struct Case {
    const char* name;
    std::vector<FailedRecord> added;
    std::vector<RowRange> removed;
    std::vector<FailedRecord> expected;
  };
  const Case kCases[] = {
      {"nothing", {}, {{0, 5}}, {}},
      {"no rows", {{{3, 0}, "a"}}, {}, {}},
      {"neighbours, upwards", {{{3, 2}, "a"}, {{5, 1}, "a"}}, {}, {{{3, 3}, "a"}}},
      {"neighbours, downwards", {{{5, 1}, "a"}, {{3, 2}, "a"}}, {}, {{{3, 3}, "a"}}},
      {"between two", {{{1, 1}, "a"}, {{3, 1}, "a"}, {{2, 1}, "a"}}, {}, {{{1, 3}, "a"}}},
      {"other reason", {{{1, 1}, "a"}, {{2, 1}, "b"}}, {}, {{{1, 1}, "a"}, {{2, 1}, "b"}}},
      {"a gap", {{{1, 1}, "a"}, {{3, 1}, "a"}}, {}, {{{1, 1}, "a"}, {{3, 1}, "a"}}},
      {"the middle overruled",
       {{{0, 9}, "a"}, {{3, 2}, "b"}},
       {},
       {{{0, 3}, "a"}, {{3, 2}, "b"}, {{5, 4}, "a"}}},
      {"overruled by itself", {{{0, 9}, "a"}, {{3, 2}, "a"}}, {}, {{{0, 9}, "a"}}},
      {"several overruled",
       {{{0, 2}, "a"}, {{4, 2}, "b"}, {{8, 2}, "c"}, {{1, 8}, "d"}},
       {},
       {{{0, 1}, "a"}, {{1, 8}, "d"}, {{9, 1}, "c"}}},
      {"removed inside", {{{0, 9}, "a"}}, {{3, 2}}, {{{0, 3}, "a"}, {{5, 4}, "a"}}},
      {"removed across", {{{0, 3}, "a"}, {{5, 3}, "b"}}, {{2, 4}}, {{{0, 2}, "a"}, {{6, 2}, "b"}}},
      {"put back", {{{0, 9}, "a"}}, {{0, 9}}, {}},
      {"no rows removed", {{{0, 9}, "a"}}, {{4, 0}}, {{{0, 9}, "a"}}},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    FailedRows failed(c.added);
    for (const RowRange& rows : c.removed) failed.remove(rows);
    EXPECT_EQ(failed.records(), c.expected);
    std::int64_t rows = 0;
    for (const FailedRecord& record : c.expected) rows += record.rows.count;
    EXPECT_EQ(failed.count(), rows);
    EXPECT_EQ(failed.empty(), rows == 0);
  }
}

TEST(FailedRows, TheSameInWhateverPiecesAndOrder) {
  std::vector<FailedRecord> rows;
  for (std::int64_t row = 0; row < 7; ++row) rows.push_back({{row, 1}, row < 4 ? "a" : "b"});
  const std::vector<FailedRecord> expected = {{{0, 4}, "a"}, {{4, 3}, "b"}};
  const auto earlier = [](const FailedRecord& one, const FailedRecord& other) {
    return one.rows.first < other.rows.first;
  };
  int orders = 0;
  do {
    EXPECT_EQ(FailedRows(rows).records(), expected);
    ++orders;
  } while (std::next_permutation(rows.begin(), rows.end(), earlier));
  EXPECT_EQ(orders, 5040);
}

}  // namespace
}  // namespace widepipe::dataset
