// The scheduler and the bulk policy, driven by hand: no MPI, no clock.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <stdexcept>

#include "schedule/bulk_policy.h"
#include "schedule/run_stats.h"
#include "schedule/scheduler.h"

namespace widepipe::schedule {
namespace {

Scheduler make(std::int64_t rows, int devices, StreamSpec spec = {"s", 784, 40},
               BulkSettings settings = {}, SchedulerLimits limits = {}) {
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
        Scheduler scheduler = make(rows, devices, {.batch_rows = fixed});
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
  Scheduler scheduler = make(10'000'000, 1, {}, {.target = 0.05});
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
  Scheduler scheduler = make(1000, 2, {}, {.target = 10.0, .first_rows = 1'000'000});
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

TEST(Scheduler, ChunksStayWithADevice) {
  struct Case {
    std::int64_t rows, chunk, batch, first;
    std::int64_t first_batch;  ///< its rows
  };
  const std::vector<Case> cases = {
      {1000, 100, 64, 0, 50},    // 50 and 50 of each chunk, not 64 and 36
      {1000, 100, 160, 0, 100},  // a whole chunk
      {1000, 30, 100, 0, 90},    // whole chunks
      {1000, 100, 100, 30, 70},  // from a row inside a chunk
      {1000, 0, 100, 0, 100},   {1000, 5000, 100, 0, 100},  // one chunk for all
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message() << "chunks of " << c.chunk << ", batches of " << c.batch);
    Scheduler scheduler({{.name = "s", .batch_rows = c.batch, .chunk_rows = c.chunk}},
                        {{0, 1, 1}, {1, 1, 1}, {2, 1, 1}}, make_bulk_policy({}));
    scheduler.add_rows(0, {c.first, c.rows});
    std::map<std::int64_t, std::set<DeviceId>> readers;  // by chunk
    std::vector<int> seen(static_cast<std::size_t>(c.first + c.rows), 0);
    std::mt19937 random(3);
    std::vector<Dispatch> out;
    std::int64_t first_batch = 0;
    while (!scheduler.drained()) {
      for (const Dispatch& made : scheduler.dispatch(0)) {
        out.push_back(made);
        if (first_batch == 0) first_batch = made.rows.count;
        EXPECT_LE(made.rows.count, c.batch);
        for (std::int64_t r = made.rows.first; r < made.rows.end(); ++r) {
          ++seen[static_cast<std::size_t>(r)];
          if (c.chunk > 0) readers[r / c.chunk].insert(made.device);
        }
      }
      ASSERT_FALSE(out.empty());
      std::swap(out[random() % out.size()], out.back());
      scheduler.complete({.batch = out.back().batch, .busy = 1e-3});
      out.pop_back();
    }
    EXPECT_EQ(first_batch, c.first_batch);
    EXPECT_EQ(std::count(seen.begin() + c.first, seen.end(), 1), c.rows);
    std::int64_t shared = 0;
    for (const auto& [chunk, devices] : readers) shared += devices.size() > 1 ? 1 : 0;
    EXPECT_LE(shared, 2) << "the last chunks may be shared, so that no device waits";
  }
}

TEST(Scheduler, BatchNeverCarriesMoreBytesThanARoundMay) {
  Scheduler scheduler = make(1000, 1, {"wide", 3000, 40, 500}, {}, {.max_batch_bytes = 10'000});
  for (const Dispatch& made : scheduler.dispatch(0)) EXPECT_EQ(made.rows.count, 3);
}

TEST(Scheduler, IsolatesABadRowByHalving) {
  Scheduler scheduler = make(64, 1, {.batch_rows = 64});
  std::vector<std::int64_t> failed;
  std::int64_t done = 0;
  int runs = 0;
  while (!scheduler.drained()) {
    for (const Dispatch& made : scheduler.dispatch(0)) {
      const bool bad = made.rows.first <= 41 && 41 < made.rows.end();
      const Outcome outcome = scheduler.complete(
          {.batch = made.batch, .end = bad ? BatchEnd::kFailed : BatchEnd::kDone});
      ++runs;
      if (outcome.kind == Outcome::Kind::kFailed) failed.push_back(made.rows.first);
      if (outcome.kind == Outcome::Kind::kDone) done += made.rows.count;
    }
  }
  EXPECT_EQ(failed, std::vector<std::int64_t>{41});
  EXPECT_EQ(done, 63);
  EXPECT_EQ(runs, 13) << "1 + 2 * log2(64)";
}

/// A run on devices of which some fail: what became of the rows, and who was blamed.
struct FaultyRun {
  std::set<std::int64_t> failed;
  std::int64_t done = 0;
  std::vector<DeviceId> quarantined;
  std::map<DeviceId, int> batches;

  int failures = 0;

  FaultyRun(int devices, const std::function<bool(const Dispatch&)>& fails,
            BatchEnd failed_end = BatchEnd::kFailed) {
    Scheduler scheduler = make(1000, devices, {.batch_rows = 16});
    std::mt19937 random(11);
    std::vector<Dispatch> out;
    while (!scheduler.drained()) {
      for (const Dispatch& made : scheduler.dispatch(0)) {
        ++batches[made.device];
        out.push_back(made);
      }
      if (out.empty()) throw std::logic_error("rows wait and nobody gets them");
      std::swap(out[random() % out.size()], out.back());
      const bool fail = fails(out.back());
      failures += fail ? 1 : 0;
      const Outcome outcome = scheduler.complete(
          {.batch = out.back().batch, .end = fail ? failed_end : BatchEnd::kDone, .busy = 1});
      const RowRange& rows = out.back().rows;
      if (outcome.kind == Outcome::Kind::kDone) done += rows.count;
      if (outcome.kind == Outcome::Kind::kFailed) failed.insert(rows.first);
      if (outcome.quarantined) quarantined.push_back(*outcome.quarantined);
      out.pop_back();
    }
  }
};

bool holds(const Dispatch& batch, std::int64_t row) {
  return batch.rows.first <= row && row < batch.rows.end();
}

TEST(Scheduler, TellsASickDeviceFromABadRow) {
  struct Case {
    const char* what;
    int devices;
    std::function<bool(const Dispatch&)> fails;
    std::set<std::int64_t> failed;
    std::vector<DeviceId> quarantined;
  };
  std::map<StreamId, int> calls;
  const std::vector<Case> cases = {
      {"a bad row", 3, [](const Dispatch& b) { return holds(b, 500); }, {500}, {}},
      {"two bad rows",
       2,
       [](const Dispatch& b) { return holds(b, 0) || holds(b, 999); },
       {0, 999},
       {}},
      {"a device that fails all", 3, [](const Dispatch& b) { return b.device == 1; }, {}, {1}},
      {"one of two", 2, [](const Dispatch& b) { return b.device == 0; }, {}, {0}},
      {"a bad row and a sick device",
       3,
       [](const Dispatch& b) { return b.device == 2 || holds(b, 77); },
       {77},
       {2}},
      {"two batches that one device failed",
       3,
       [](const Dispatch& b) { return b.device == 1 && b.rows.count == 16 && b.batch < 6; },
       {},
       {}},
      {"a device alone", 1, [](const Dispatch& b) { return holds(b, 3); }, {3}, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    const FaultyRun run(c.devices, c.fails);
    EXPECT_EQ(run.failed, c.failed);
    EXPECT_EQ(run.done, 1000 - static_cast<std::int64_t>(c.failed.size()));
    EXPECT_EQ(run.quarantined, c.quarantined);
  }
}

TEST(Scheduler, AQuarantinedDeviceGetsNothingMore) {
  const FaultyRun run(3, [](const Dispatch& b) { return b.device == 1; });
  EXPECT_LE(run.batches.at(1), 20) << "of some 63; it held 3 at a time until the news was there";
  EXPECT_GT(run.batches.at(0), 20);
}

TEST(Scheduler, TheLastDeviceIsNotQuarantined) {
  const FaultyRun run(2, [](const Dispatch&) { return true; });
  EXPECT_EQ(run.failed.size(), 1000U);
  EXPECT_TRUE(run.quarantined.empty()) << "nothing shows that another would do better";
}

TEST(Scheduler, BatchesForWhichThereWasNoMemoryGetSmaller) {
  for (const int devices : {1, 3}) {
    SCOPED_TRACE(devices);
    const FaultyRun run(
        devices, [](const Dispatch& b) { return b.device == 0 && b.rows.count > 5; },
        BatchEnd::kNoMemory);
    EXPECT_EQ(run.done, 1000);
    EXPECT_TRUE(run.quarantined.empty()) << "what fits is done as well as elsewhere";
    EXPECT_LT(run.failures, 15) << "3 that were out when the first failed, and their halves";
    EXPECT_GT(run.batches.at(0), 20);
  }
}

TEST(Scheduler, ADeviceWithoutMemoryForARowLeavesItToOthers) {
  const FaultyRun run(
      2, [](const Dispatch& b) { return b.device == 0; }, BatchEnd::kNoMemory);
  EXPECT_EQ(run.done, 1000);
  EXPECT_EQ(run.quarantined, std::vector<DeviceId>{0});
}

TEST(Scheduler, RowsThatWereNeverSentBlameNoDevice) {
  Scheduler scheduler = make(64, 2, {.batch_rows = 16});
  std::set<std::int64_t> failed;
  while (!scheduler.drained()) {
    for (const Dispatch& made : scheduler.dispatch(0)) {
      const bool unreadable = made.device == 0 || holds(made, 5);
      const Outcome outcome = scheduler.complete(
          {.batch = made.batch, .end = unreadable ? BatchEnd::kUnread : BatchEnd::kDone});
      EXPECT_FALSE(outcome.quarantined);
      if (outcome.kind == Outcome::Kind::kFailed) failed.insert(made.rows.first);
    }
  }
  EXPECT_TRUE(failed.contains(5));
}

TEST(Scheduler, StopsDispatchingWhenToldTo) {
  Scheduler scheduler = make(1000, 1, {.batch_rows = 10});
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

/// A stream of a simulated run: its rows, and what one costs.
struct SimulatedStream {
  std::int64_t rows;
  double seconds_per_row;
  std::int64_t batch_rows = 0;
};

/// Runs streams on devices that take `seconds_per_row * slowness` for a row; one clock, no waiting
/// but for the device.
struct Simulation {
  std::vector<double> stream_end;
  std::vector<double> device_busy;
  double end = 0;

  Simulation(const std::vector<SimulatedStream>& streams, const std::vector<double>& slowness)
      : stream_end(streams.size()), device_busy(slowness.size()) {
    std::vector<StreamSpec> specs;
    for (const SimulatedStream& stream : streams) {
      specs.push_back({.name = "s", .batch_rows = stream.batch_rows});
    }
    std::vector<DeviceSpec> devices;
    for (std::size_t i = 0; i < slowness.size(); ++i) {
      devices.push_back({.rank = static_cast<int>(i)});
    }
    Scheduler scheduler(specs, devices, make_bulk_policy({}));
    for (StreamId id = 0; id < streams.size(); ++id) scheduler.add_rows(id, {0, streams[id].rows});
    std::vector<double> device_end(slowness.size());
    std::multimap<double, std::pair<Dispatch, double>> running;  // by end; with the time it takes
    while (!scheduler.drained()) {
      for (const Dispatch& made : scheduler.dispatch(end)) {
        const double busy = streams[made.stream].seconds_per_row * slowness[made.device] *
                            static_cast<double>(made.rows.count);
        double& free_at = device_end[made.device];
        free_at = std::max(free_at, end) + busy;
        device_busy[made.device] += busy;
        running.emplace(free_at, std::pair(made, busy));
      }
      const auto first = running.begin();
      end = first->first;
      const auto& [dispatch, busy] = first->second;
      stream_end[dispatch.stream] = end;
      scheduler.complete({.batch = dispatch.batch, .busy = busy});
      running.erase(first);
    }
  }
};

TEST(BulkPolicy, SeveralStreamsEndTogetherAndKeepDevicesBusy) {
  struct Case {
    const char* what;
    std::vector<SimulatedStream> streams;
    std::vector<double> slowness;
    double earliest_end = 0.97;  ///< of a stream, as a share of the run
  };
  const Case cases[] = {
      {"alike", {{100'000, 1e-4}, {100'000, 1e-4}}, {1, 1}},
      {"one stream that is less than a batch", {{1'000'000, 1e-5}, {2'000, 1e-5}}, {1, 1}, 0.8},
      {"few dear rows and many cheap ones", {{2'000, 1e-2}, {1'000'000, 1e-5}}, {1, 1, 1}},
      {"five streams",
       {{50'000, 1e-4}, {5'000, 1e-3}, {500'000, 1e-5}, {70'000, 2e-4}, {900, 5e-3}},
       {1, 1, 1, 1}},
      {"devices of unlike speed", {{100'000, 1e-4}, {30'000, 1e-3}}, {1, 4, 0.5}},
      {"one of fixed batches", {{100'000, 1e-4, 64}, {30'000, 1e-3}}, {1, 1}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    const Simulation run(c.streams, c.slowness);
    for (const double end : run.stream_end) EXPECT_GT(end, c.earliest_end * run.end);
    for (const double busy : run.device_busy) EXPECT_GT(busy, 0.97 * run.end);
  }
}

TEST(BulkPolicy, StreamsAdvanceAlike) {
  const std::vector<StreamSpec> specs = {{.name = "dear"}, {.name = "cheap"}};
  Scheduler scheduler(specs, {{.rank = 0}}, make_bulk_policy({}));
  scheduler.add_rows(0, {0, 10'000});
  scheduler.add_rows(1, {0, 1'000'000});
  const double seconds_per_row[] = {1e-3, 1e-5};
  const double total[] = {1e4, 1e6};
  double done[] = {0, 0};
  while (!scheduler.drained()) {
    for (const Dispatch& made : scheduler.dispatch(0)) {
      done[made.stream] += static_cast<double>(made.rows.count) / total[made.stream];
      EXPECT_NEAR(done[0], done[1], 0.02);
      scheduler.complete(
          {.batch = made.batch,
           .busy = seconds_per_row[made.stream] * static_cast<double>(made.rows.count)});
    }
  }
}

TEST(BulkPolicy, EachStreamHasItsOwnBatch) {
  Scheduler scheduler({{.name = "a", .batch_rows = 5}, {.name = "b", .batch_rows = 11}},
                      {{.rank = 0}, {.rank = 1}}, make_bulk_policy({}));
  for (StreamId id : {0U, 1U}) scheduler.add_rows(id, {0, 1000});
  for (const Dispatch& made : scheduler.dispatch(0)) {
    EXPECT_EQ(made.rows.count, made.stream == 0 ? 5 : 11);
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
