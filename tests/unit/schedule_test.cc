// The scheduler and the bulk policy, driven by hand: no MPI, no clock.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <stdexcept>

#include "schedule/bulk_policy.h"
#include "schedule/run_stats.h"
#include "schedule/scheduler.h"

namespace widepipe::schedule {
namespace {

Scheduler make(std::int64_t rows, int devices, BulkSettings settings = {},
               SchedulerLimits limits = {}, StreamSpec spec = {"s", 784, 40}) {
  std::vector<DeviceSpec> specs;
  for (int rank = 0; rank < devices; ++rank) specs.push_back({.rank = rank});
  Scheduler scheduler({std::move(spec)}, specs, make_bulk_policy(settings), limits);
  scheduler.add_rows(0, {0, rows});
  return scheduler;
}

TEST(Scheduler, GivesEveryRowOnceWhateverTheOrderOfCompletion) {
  for (const int devices : {1, 2, 3, 4, 17}) {
    for (const std::int64_t rows : {1, 2, 7, 1000, 12345}) {
      for (const std::int64_t fixed : {0, 1, 7, 64}) {
        SCOPED_TRACE(testing::Message()
                     << devices << " devices, " << rows << " rows, batch " << fixed);
        Scheduler scheduler = make(rows, devices, {.fixed_rows = fixed});
        std::mt19937 random(7);
        std::vector<Dispatch> out;
        std::vector<int> seen(static_cast<std::size_t>(rows), 0);
        double now = 0;
        while (!scheduler.drained()) {
          for (const Dispatch& made : scheduler.dispatch(now)) {
            EXPECT_TRUE(fixed == 0 || made.rows.count <= fixed);
            for (std::int64_t r = made.rows.first; r < made.rows.end(); ++r) {
              ++seen[static_cast<std::size_t>(r)];
            }
            out.push_back(made);
          }
          ASSERT_FALSE(out.empty());
          std::swap(out[random() % out.size()], out.back());
          const Dispatch done = out.back();
          out.pop_back();
          const double busy = 1e-5 * static_cast<double>(done.rows.count);
          EXPECT_EQ(scheduler.complete({.batch = done.batch, .busy = busy}).kind,
                    Outcome::Kind::kDone);
          now += busy;
        }
        EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), rows);
      }
    }
  }
}

TEST(Scheduler, LeavesAtMostTwoBatchesWaitingBehindEachRunningOne) {
  Scheduler scheduler = make(100'000, 3);
  std::map<DeviceId, int> held;
  for (const Dispatch& made : scheduler.dispatch(0)) ++held[made.device];
  EXPECT_EQ(held, (std::map<DeviceId, int>{{0, 3}, {1, 3}, {2, 3}}));
  EXPECT_TRUE(scheduler.dispatch(0).empty()) << "no credit is left";
  scheduler.complete({.batch = 2, .busy = 0.001});  // batch 2 went to device 1
  const auto next = scheduler.dispatch(0);
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].device, 1U);
}

TEST(Scheduler, SpreadsFewRowsOverAllDevices) {
  Scheduler scheduler = make(4, 4);
  std::map<DeviceId, std::int64_t> rows;
  for (const Dispatch& made : scheduler.dispatch(0)) rows[made.device] += made.rows.count;
  EXPECT_EQ(rows.size(), 4U);
}

TEST(Scheduler, BatchGrowsToTheTargetTimeInSteps) {
  Scheduler scheduler = make(10'000'000, 1, {.target = 0.05});
  std::int64_t largest = 0;
  std::int64_t last = 0;
  for (int i = 0; i < 60; ++i) {
    for (const Dispatch& made : scheduler.dispatch(0)) {
      EXPECT_LE(made.rows.count, std::max<std::int64_t>(largest, 16) * 4);
      largest = std::max(largest, made.rows.count);
      last = made.rows.count;
      scheduler.complete(
          {.batch = made.batch, .busy = 20e-6 * static_cast<double>(made.rows.count)});
    }
  }
  EXPECT_EQ(last, 2048) << "0.05 s / 20 us = 2500 rows, rounded down to a power of two";
}

TEST(Scheduler, BatchesShrinkTowardsTheEnd) {
  Scheduler scheduler = make(1000, 2, {.target = 10.0, .first_rows = 1'000'000});
  std::vector<std::int64_t> sizes;
  while (!scheduler.drained()) {
    for (const Dispatch& made : scheduler.dispatch(0)) {
      sizes.push_back(made.rows.count);
      scheduler.complete({.batch = made.batch, .busy = 1e-3});
    }
  }
  EXPECT_TRUE(std::is_sorted(sizes.rbegin(), sizes.rend()));
  EXPECT_EQ(sizes.front(), 251) << "a share of 1000 / (2 * 2 instances), plus one";
  EXPECT_EQ(sizes.back(), 1);
}

TEST(Scheduler, BatchNeverCarriesMoreBytesThanARoundMay) {
  Scheduler scheduler =
      make(1000, 1, {.fixed_rows = 500}, {.max_batch_bytes = 10'000}, {"wide", 3000, 40});
  for (const Dispatch& made : scheduler.dispatch(0)) EXPECT_EQ(made.rows.count, 3);
}

TEST(Scheduler, IsolatesABadRowByHalving) {
  Scheduler scheduler = make(64, 1, {.fixed_rows = 64});
  std::vector<std::int64_t> failed;
  std::int64_t done = 0;
  int runs = 0;
  while (!scheduler.drained()) {
    for (const Dispatch& made : scheduler.dispatch(0)) {
      const bool bad = made.rows.first <= 41 && 41 < made.rows.end();
      const Outcome outcome = scheduler.complete({.batch = made.batch, .failed = bad});
      ++runs;
      if (outcome.kind == Outcome::Kind::kFailed) failed.push_back(made.rows.first);
      if (outcome.kind == Outcome::Kind::kDone) done += made.rows.count;
    }
  }
  EXPECT_EQ(failed, std::vector<std::int64_t>{41});
  EXPECT_EQ(done, 63);
  EXPECT_EQ(runs, 13) << "1 + 2 * log2(64)";
}

TEST(Scheduler, StopsDispatchingWhenToldTo) {
  Scheduler scheduler = make(1000, 1, {.fixed_rows = 10});
  const auto out = scheduler.dispatch(0);
  scheduler.stop();
  EXPECT_FALSE(scheduler.drained());
  for (const Dispatch& made : out) scheduler.complete({.batch = made.batch});
  EXPECT_TRUE(scheduler.drained());
  EXPECT_TRUE(scheduler.dispatch(1).empty());
}

TEST(Scheduler, RefusesABatchThatIsNotOut) {
  Scheduler scheduler = make(10, 1);
  try {
    scheduler.complete({.batch = 99});
    FAIL() << "expected std::logic_error";
  } catch (const std::logic_error& error) {
    EXPECT_STREQ(error.what(), "batch 99 came back but is not out");
  }
}

TEST(RunStats, BusyShareIsOfTheTimeBetweenFirstAndLastBatch) {
  RunStats stats(1, 1);
  stats.add({.dispatch = {1, 0, 0, {0, 10}}, .busy = 1.0, .finished_at = 6.0});  // 5 to 6
  stats.add({.dispatch = {2, 0, 0, {10, 5}}, .busy = 2.0, .finished_at = 9.0});  // 7 to 9
  const DeviceStats& device = stats.devices()[0];
  EXPECT_EQ(device.rows, 15);
  EXPECT_EQ(device.batches, 2);
  EXPECT_DOUBLE_EQ(device.busy_share(1), 3.0 / 4.0);
  EXPECT_DOUBLE_EQ(device.busy_share(2), 3.0 / 8.0);
  EXPECT_EQ(DeviceStats{}.busy_share(1), 0);
}

TEST(RunStats, PercentileIsTheNearestRank) {
  const std::vector<double> ten = {10, 1, 9, 2, 8, 3, 7, 4, 6, 5};
  struct Case {
    double share;
    double expected;
  };
  for (const Case& c : {Case{0.0, 1}, Case{0.5, 5}, Case{0.9, 9}, Case{0.99, 10}, Case{1.0, 10}}) {
    EXPECT_EQ(percentile(ten, c.share), c.expected) << c.share;
  }
  EXPECT_EQ(percentile({}, 0.5), 0);
}

}  // namespace
}  // namespace widepipe::schedule
