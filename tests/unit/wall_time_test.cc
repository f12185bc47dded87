// The time that a job may take: how it is written, and what is done with it.

#include <gtest/gtest.h>

#include <cstdio>
#include <limits>
#include <map>
#include <string>

#include "jobs/allocation.h"
#include "report/progress.h"
#include "schedule/bulk_policy.h"
#include "schedule/scheduler.h"

namespace widepipe {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(WallTime, ReadsWhatSlurmWrites) {
  const struct {
    const char* text;
    std::optional<double> seconds;
  } kCases[] = {
      {"90", 5400},
      {"0", 0},
      {"1:30", 90},
      {"00:07", 7},
      {"2:00:00", 7200},
      {"1-0", 86400},
      {"1-02:03", 93780},
      {"1-02:03:04", 93784},
      {"UNLIMITED", kInfinity},
      {"", {}},
      {"1:", {}},
      {":30", {}},
      {"1:2:3:4", {}},
      {"1-", {}},
      {"-5", {}},
      {"1-2:3:4:5", {}},
      {"1-2-3", {}},
      {"soon", {}},
      {"1.5", {}},
      {"NOT_SET", {}},
      {"INVALID", {}},
      {"999999999999", {}},
      {"1:2-3", {}},
  };
  for (const auto& c : kCases) EXPECT_EQ(jobs::parse_time_limit(c.text), c.seconds) << c.text;
}

TEST(WallTime, OfTheAllocation) {
  std::map<std::string, std::string> variables;
  const auto environment = [&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
  EXPECT_EQ(jobs::allocation_seconds_left(environment, 1000), std::nullopt);
  variables["SLURM_JOB_END_TIME"] = "1600";
  EXPECT_EQ(jobs::allocation_seconds_left(environment, 1000), 600);
  EXPECT_EQ(jobs::allocation_seconds_left(environment, 1601.5), -1.5);
  variables["SLURM_JOB_END_TIME"] = "Unknown";
  EXPECT_EQ(jobs::allocation_seconds_left(environment, 1000), std::nullopt);
}

TEST(WallTime, SomeIsKeptForTheEnd) {
  EXPECT_EQ(jobs::closing_seconds(5), 1);
  EXPECT_EQ(jobs::closing_seconds(60), 6);
  EXPECT_EQ(jobs::closing_seconds(86400), 30);
  EXPECT_EQ(jobs::closing_seconds(-7), 1);
}

struct SimulatedRun {
  std::int64_t done = 0;
  double last_end = 0;
  bool drained = false;
};

/// Every device computes its batches one after the other, at `seconds` a row.
SimulatedRun simulate(double end, double seconds, int devices, std::int64_t batch,
                      std::int64_t rows) {
  std::vector<schedule::DeviceSpec> specs;
  for (int rank = 0; rank < devices; ++rank) specs.push_back({.rank = rank});
  schedule::Scheduler scheduler({{.name = "s", .batch_rows = batch}}, specs,
                                schedule::make_bulk_policy({}), {.end = end});
  scheduler.add_rows(0, {0, rows});
  std::multimap<double, schedule::Dispatch> out;
  std::vector<double> free_at(static_cast<std::size_t>(devices), 0);
  SimulatedRun run;
  double now = 0;
  while (!scheduler.drained()) {
    for (const schedule::Dispatch& made : scheduler.dispatch(now)) {
      double& at = free_at[made.device];
      at = std::max(at, now) + seconds * static_cast<double>(made.rows.count);
      out.emplace(at, made);
    }
    if (out.empty()) break;
    const auto first = out.begin();
    now = run.last_end = first->first;
    run.done += first->second.rows.count;
    scheduler.complete({.batch = first->second.batch,
                        .busy = seconds * static_cast<double>(first->second.rows.count)});
    out.erase(first);
  }
  run.drained = scheduler.drained();
  return run;
}

TEST(WallTime, NothingIsBegunThatWouldComeBackTooLate) {
  const struct {
    double seconds;
    int devices;
    std::int64_t batch;
  } kCases[] = {{1e-3, 1, 0}, {1e-3, 3, 0}, {0.5, 2, 0}, {0.01, 4, 100}, {1e-5, 2, 64}};
  for (const auto& c : kCases) {
    SCOPED_TRACE(testing::Message() << c.seconds << " s, batch " << c.batch);
    const SimulatedRun run = simulate(30, c.seconds, c.devices, c.batch, 100'000'000);
    EXPECT_TRUE(run.drained);
    EXPECT_LE(run.last_end, 30.0 + 1e-6);
    EXPECT_GE(static_cast<double>(run.done), 0.9 * 30 * c.devices / c.seconds);
  }
}

TEST(WallTime, NothingIsLeftOutThatFits) {
  EXPECT_EQ(simulate(30, 1e-3, 2, 0, 10'000).done, 10'000);
  EXPECT_EQ(simulate(kInfinity, 0.5, 2, 0, 1000).done, 1000);
}

TEST(WallTime, NoTimeAtAll) {
  const SimulatedRun run = simulate(-1, 1e-3, 2, 0, 100);
  EXPECT_TRUE(run.drained);
  EXPECT_EQ(run.done, 0);
}

TEST(WallTime, ProgressSaysWhetherItIsEnough) {
  const auto line = [](double end) {
    return report::Progress(nullptr, false, 1000, 0, end).line(400, 4.0);
  };
  EXPECT_EQ(line(kInfinity), " 40 %  400 of 1,000 rows, 100 rows/s, 6.00 s left");
  EXPECT_EQ(line(12), " 40 %  400 of 1,000 rows, 100 rows/s, 6.00 s left, in time");
  EXPECT_EQ(line(7),
            " 40 %  400 of 1,000 rows, 100 rows/s, 6.00 s left (stops in 3.00 s, at about "
            "70 %)");
  EXPECT_EQ(line(3),
            " 40 %  400 of 1,000 rows, 100 rows/s, 6.00 s left (stops in 0.00 s, at about "
            "40 %)");
}

}  // namespace
}  // namespace widepipe
