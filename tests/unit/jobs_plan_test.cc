// From timings to estimates: tables of what goes in and what must come out.

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "jobs/plan_estimate.h"
#include "jobs/plan_timing.h"

namespace widepipe::jobs {
namespace {

/// 1000 rows in the first second, in which batches grow, then 2000 rows a second.
Timing steady_timing() {
  std::vector<Mark> marks;
  for (int i = 1; i <= 10; ++i) marks.push_back({0.25 * i, 250 * i});
  for (int i = 1; i <= 150; ++i) marks.push_back({2.5 + 0.05 * i, 2500 + 100 * i});
  Timing timing;
  add_rate(marks, 10, timing);
  return timing;
}

TEST(PlanRate, LeavesOutTheWarmUp) {
  const Timing timing = steady_timing();
  EXPECT_DOUBLE_EQ(timing.warm_seconds, 2.5);
  EXPECT_EQ(timing.warm_rows, 2500);
  EXPECT_NEAR(timing.rows_per_second, 2000, 1e-6);
  EXPECT_NEAR(timing.spread, 0, 1e-9);
}

TEST(PlanRate, SpreadIsTheDeviationOfFifths) {
  // From 1 s on: fifths of 100, 200, 100, 200 and 100 rows in 0.6 s each.
  const std::vector<Mark> marks = {{1, 100},   {1.6, 200}, {2.2, 400},
                                   {2.8, 500}, {3.4, 700}, {4, 800}};
  Timing timing;
  add_rate(marks, 4, timing);
  EXPECT_NEAR(timing.rows_per_second, 700 / 3.0, 1e-9);
  EXPECT_NEAR(timing.spread, 54.772 / 140, 1e-4);
}

TEST(PlanRate, OneLateBatchIsARateToo) {
  Timing timing;
  add_rate(std::vector<Mark>{{8, 4}}, 1, timing);
  EXPECT_DOUBLE_EQ(timing.rows_per_second, 0.5);
  Timing nothing;
  add_rate({}, 1, nothing);
  EXPECT_EQ(nothing.rows_per_second, 0);
}

struct Case {
  const char* what;
  PlanInput plan;
  int nodes;
  double seconds;
  double band;  ///< to each side
  bool writer_bound = false;
};

StreamTiming stream(std::int64_t rows, double spread = 0, double write_seconds = 0) {
  StreamTiming stream{.rows = rows, .bytes_out = 4, .timing = steady_timing()};
  stream.timing.spread = spread;
  stream.timing.write_seconds = write_seconds;
  return stream;
}

TEST(PlanEstimate, Table) {
  const Case cases[] = {
      {"one node", {.streams = {stream(202'500)}}, 1, 102.5, 5.125},
      {"start-up comes before",
       {.streams = {stream(202'500)}, .startup_seconds = 3},
       1,
       105.5,
       5.125},
      {"four nodes load one after the other",
       {.streams = {stream(810'000)}, .startup_seconds = 3},
       4,
       6 + 102.5,
       5.125},
      {"two ranks a node", {.streams = {stream(405'000)}, .ranks_per_node = 2}, 1, 102.5, 5.125},
      {"two streams, one after the other",
       {.streams = {stream(202'500), stream(202'500)}},
       1,
       205,
       10.25},
      {"a wide spread is a wide band", {.streams = {stream(202'500, 0.1)}}, 1, 102.5, 10.25},
      {"above 16 ranks the first only schedules",
       {.streams = {stream(16 * 202'500)}},
       17,
       102.5,
       5.125},
      {"so it may be asked to",
       {.streams = {stream(202'500)}, .dedicated_scheduler = true},
       2,
       102.5,
       5.125},
      {"rank 0 writes at its limit", {.streams = {stream(2'000'000, 0, 1e-4)}}, 16, 200, 10, true},
      {"unless the ranks write",
       {.streams = {stream(16 * 202'500, 0, 1e-4)}, .write_via_ranks = true},
       16,
       102.5,
       5.125},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    const NodesEstimate found = estimate(one.plan, one.nodes);
    EXPECT_NEAR(found.seconds, one.seconds, 1e-6 * one.seconds);
    EXPECT_NEAR(found.most - found.seconds, one.band, 1e-6 * one.band);
    EXPECT_NEAR(found.seconds - found.least, one.band, 1e-6 * one.band);
    EXPECT_EQ(found.writer_bound, one.writer_bound);
    EXPECT_NEAR(found.node_hours, found.seconds * one.nodes / 3600, 1e-9);
  }
}

TEST(PlanEstimate, WhatWasTimedWholeTakesThatLong) {
  StreamTiming whole{.rows = 100, .timing = {.rows = 100, .seconds = 3, .whole = true}};
  EXPECT_DOUBLE_EQ(estimate({.streams = {whole}}, 1).seconds, 3);
  EXPECT_DOUBLE_EQ(estimate({.streams = {whole}}, 2).seconds, 1.5);
}

TEST(PlanEstimate, FewestWithinOrTheMost) {
  const std::vector<NodesEstimate> estimates = {
      {.nodes = 1, .most = 100}, {.nodes = 2, .most = 60}, {.nodes = 4, .most = 40}};
  EXPECT_EQ(fewest_within(estimates, 200).nodes, 1);
  EXPECT_EQ(fewest_within(estimates, 60).nodes, 2);
  EXPECT_EQ(fewest_within(estimates, 10).nodes, 4);
}

TEST(PlanEstimate, TimeLimits) {
  const std::pair<double, std::int64_t> cases[] = {{1, 120},     {100, 180},   {2900, 3540},
                                                   {3600, 4500}, {7200, 8700}, {86400, 104'400}};
  for (const auto& [most, limit] : cases) {
    EXPECT_EQ(time_limit({.most = most}), limit) << most;
  }
}

TEST(PlanRows, SpreadOverAllRanges) {
  const std::vector<RowRange> rows = {{0, 100}, {1000, 300}};
  EXPECT_EQ(spread_rows(rows, 4, 200), rows);
  EXPECT_EQ(spread_rows(rows, 4, 10),
            (std::vector<RowRange>{{0, 10}, {1000, 10}, {1100, 10}, {1200, 10}}));
  EXPECT_EQ(spread_rows(rows, 8, 49), (std::vector<RowRange>{{0, 49},
                                                             {50, 49},
                                                             {1000, 49},
                                                             {1050, 49},
                                                             {1100, 49},
                                                             {1150, 49},
                                                             {1200, 49},
                                                             {1250, 49}}));
}

}  // namespace
}  // namespace widepipe::jobs
