#include "core/row_set.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace widepipe {
namespace {

using Ranges = std::vector<RowRange>;

TEST(RowSet, MergesNeighboursAndOverlaps) {
  const struct {
    const char* name;
    Ranges added;
    Ranges expected;
  } kCases[] = {
      {"empty", {}, {}},
      {"nothing added", {{5, 0}}, {}},
      {"apart", {{0, 2}, {3, 2}}, {{0, 2}, {3, 2}}},
      {"touching", {{0, 2}, {2, 2}}, {{0, 4}}},
      {"touching, later first", {{2, 2}, {0, 2}}, {{0, 4}}},
      {"inside", {{0, 10}, {3, 2}}, {{0, 10}}},
      {"around", {{3, 2}, {6, 1}, {0, 10}}, {{0, 10}}},
      {"bridge", {{0, 2}, {4, 2}, {2, 2}}, {{0, 6}}},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    RowSet set;
    for (const RowRange& range : c.added) set.add(range);
    EXPECT_EQ(set.ranges(), c.expected);
  }
}

TEST(RowSet, RemovesAcrossBorders) {
  const struct {
    const char* name;
    RowRange removed;
    Ranges expected;
  } kCases[] = {
      {"nothing", {2, 0}, {{0, 4}, {6, 4}}},
      {"a gap", {4, 2}, {{0, 4}, {6, 4}}},
      {"a head", {0, 1}, {{1, 3}, {6, 4}}},
      {"a tail", {3, 1}, {{0, 3}, {6, 4}}},
      {"the middle", {1, 2}, {{0, 1}, {3, 1}, {6, 4}}},
      {"over both", {2, 6}, {{0, 2}, {8, 2}}},
      {"everything", {0, 99}, {}},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    RowSet set;
    set.add({0, 4});
    set.add({6, 4});
    set.remove(c.removed);
    EXPECT_EQ(set.ranges(), c.expected);
  }
}

TEST(RowSet, Missing) {
  RowSet set;
  EXPECT_EQ(set.missing(3), (Ranges{{0, 3}}));
  EXPECT_EQ(set.missing(0), Ranges{});
  set.add({2, 2});
  set.add({6, 2});
  EXPECT_EQ(set.missing(10), (Ranges{{0, 2}, {4, 2}, {8, 2}}));
  EXPECT_EQ(set.missing(7), (Ranges{{0, 2}, {4, 2}}));
  EXPECT_EQ(set.missing(4), (Ranges{{0, 2}}));
  EXPECT_TRUE(set.covers({6, 2}));
  EXPECT_FALSE(set.covers({5, 3}));
  EXPECT_TRUE(set.covers({100, 0}));
}

TEST(RowSet, AgreesWithABitmapUnderRandomOperations) {
  constexpr std::int64_t kRows = 80;
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    RowSet set;
    std::vector<bool> bitmap(kRows, false);
    for (int step = 0; step < 60; ++step) {
      const std::int64_t first = random() % kRows;
      const std::int64_t count = random() % std::min<std::int64_t>(12, kRows - first + 1);
      const bool add = random() % 3 != 0;
      if (add)
        set.add({first, count});
      else
        set.remove({first, count});
      std::fill_n(bitmap.begin() + first, count, add);

      Ranges in, out;
      for (std::int64_t row = 0; row < kRows; ++row) {
        const bool member = bitmap[static_cast<std::size_t>(row)];
        ASSERT_EQ(set.contains(row), member);
        Ranges& list = member ? in : out;
        if (!list.empty() && list.back().end() == row)
          ++list.back().count;
        else
          list.push_back({row, 1});
      }
      ASSERT_EQ(set.ranges(), in);
      ASSERT_EQ(set.missing(kRows), out);
      ASSERT_EQ(set.count(), std::count(bitmap.begin(), bitmap.end(), true));
      ASSERT_EQ(set.covers({first, count}), add || count == 0);
    }
  }
}

}  // namespace
}  // namespace widepipe
