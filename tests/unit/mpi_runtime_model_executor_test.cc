// Real models behind the orders of a scheduler: instances that come and go on threads of their own.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <thread>

#include "core/error.h"
#include "mpi_runtime/model_executor.h"
#include "mpi_runtime/rows_done.h"
#include "tests/unit/made_rows.h"
#include "tests/unit/plus_one.h"

namespace widepipe::mpi_runtime {
namespace {

using schedule::DeviceNews;
using schedule::Order;
using testing::plus_one;

constexpr std::int64_t kRows = 40;

/// Row i is {i, i, i}; one of them cannot be read. Reading may take its time.
class Rows final : public testing::MadeRows {
 public:
  explicit Rows(std::chrono::milliseconds takes = {}) : MadeRows("rows", kRows, 3), takes_(takes) {}

  static constexpr std::int64_t kBad = 13;
  static constexpr std::int64_t kNotANumber = 17;

 private:
  void read_checked(RowRange rows, DType /*as*/, std::span<std::byte> out) const override {
    std::this_thread::sleep_for(takes_);
    std::vector<float> values;
    for (std::int64_t row = rows.first; row < rows.end(); ++row) {
      if (row == kBad) throw RunError("row 13 cannot be read");
      values.insert(values.end(), 3, row == kNotANumber ? NAN : static_cast<float>(row));
    }
    std::copy_n(reinterpret_cast<const std::byte*>(values.data()), out.size(), out.begin());
  }

  const std::chrono::milliseconds takes_;
};

class Executor : public ::testing::Test {
 protected:
  explicit Executor(std::chrono::milliseconds row_takes = {}, std::vector<StoredRule> stored = {})
      : executor_({.device = 3,
                   .cores = 2,
                   .models = {plus_one()},
                   .core_choices = {1, 2},
                   .sources = {{{std::make_shared<Rows>(row_takes), DType::kF32, 12}}},
                   .stored = std::move(stored),
                   .name = "3@here"},
                  wakeup_, clock_) {
    clock_.start();
  }

  static Order order(Order::Kind kind, schedule::InstanceId instance, schedule::BatchId batch = 0,
                     int size = 0) {
    return {kind, 3, instance, {0, 0, 8}, batch, 0, size};
  }
  void run(schedule::InstanceId instance, schedule::BatchId batch,
           const std::vector<std::uint64_t>& rows) {
    executor_.accept(order(Order::Kind::kRun, instance, batch, static_cast<int>(rows.size())), rows,
                     clock_.now());
  }
  /// The next news; fails if none comes.
  DeviceNews next() {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < limit) {
      if (auto news = executor_.take_news(clock_.now())) return std::move(*news);
      wakeup_.wait_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "no news";
    return {};
  }

  Wakeup wakeup_;
  ServeClock clock_{1};
  ModelExecutor executor_;
};

class StoringExecutor : public Executor {
 protected:
  StoringExecutor() : Executor({}, {{.outputs = {}, .fail_nonfinite = true}}) {}
};

class SlowExecutor : public Executor {
 protected:
  SlowExecutor() : Executor(std::chrono::milliseconds(50)) {}
};

TEST_F(Executor, ARowHasOneAnswerInWhateverBatchAndInstance) {
  executor_.equip(3, 1, {0, 0, 8});
  executor_.equip(3, 2, {0, 1, 8});
  executor_.equipped();
  const std::vector<std::vector<std::uint64_t>> batches = {
      {0}, {0, 1, 2}, {2, 1, 0}, {38, 39}, {7, 7, 7, 7}, {5, 6, 7, 8, 9, 10, 11, 12}};
  for (schedule::BatchId batch = 0; batch < batches.size(); ++batch) {
    run(1 + static_cast<schedule::InstanceId>(batch % 2), batch, batches[batch]);
  }
  std::map<std::uint64_t, std::set<std::uint64_t>> answers;  // by row
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const DeviceNews news = next();
    ASSERT_EQ(news.kind, DeviceNews::Kind::kDone);
    EXPECT_EQ(news.device, 3U);
    EXPECT_GT(news.busy, 0);
    ASSERT_EQ(news.answers.size(), batches[news.batch].size());
    for (std::size_t row = 0; row < news.answers.size(); ++row) {
      answers[batches[news.batch][row] % kRows].insert(news.answers[row]);
    }
  }
  std::set<std::uint64_t> all;
  for (const auto& [row, found] : answers) {
    EXPECT_EQ(found.size(), 1U) << "row " << row;
    all.insert(found.begin(), found.end());
  }
  EXPECT_EQ(all.size(), answers.size()) << "other rows, other answers";
  EXPECT_FALSE(executor_.take_news(clock_.now()));
  EXPECT_GT(executor_.core_seconds(), 0);
}

TEST_F(SlowExecutor, InstancesTakeTurnsOnTheCores) {
  // Each would have both cores for itself.
  for (const schedule::InstanceId instance : {1, 2, 3}) executor_.equip(3, instance, {0, 1, 8});
  executor_.equipped();
  const auto start = std::chrono::steady_clock::now();
  for (const schedule::InstanceId instance : {1, 2, 3}) {
    Order wide = order(Order::Kind::kRun, instance, instance, 1);
    wide.spec.choice = 1;
    executor_.accept(wide, std::vector<std::uint64_t>{5}, clock_.now());
  }
  double busy = 0;
  for (int i = 0; i < 3; ++i) {
    const DeviceNews news = next();
    EXPECT_EQ(news.kind, DeviceNews::Kind::kDone);
    busy += news.busy;
  }
  const std::chrono::duration<double> all = std::chrono::steady_clock::now() - start;
  EXPECT_LE(busy, all.count()) << "none worked beside another, and waiting is no work";
}

TEST_F(Executor, AnInstanceIsLoadedAndThenWorks) {
  executor_.accept(order(Order::Kind::kLoad, 5), {}, clock_.now());
  const DeviceNews loaded = next();
  EXPECT_EQ(loaded.kind, DeviceNews::Kind::kLoaded);
  EXPECT_EQ(loaded.instance, 5U);
  run(5, 1, {3});
  EXPECT_EQ(next().kind, DeviceNews::Kind::kDone);
}

TEST_F(Executor, ARowThatCannotBeReadFailsItsBatchAlone) {
  executor_.equip(3, 1, {0, 0, 8});
  executor_.equipped();
  run(1, 1, {12, 13});
  run(1, 2, {12});
  const DeviceNews failed = next();
  EXPECT_EQ(failed.batch, 1U);
  EXPECT_EQ(failed.kind, DeviceNews::Kind::kFailed);
  EXPECT_TRUE(failed.answers.empty());
  EXPECT_EQ(next().kind, DeviceNews::Kind::kDone);
}

TEST_F(Executor, ABatchForAnInstanceThatIsNotThereFails) {
  run(9, 4, {1});
  const DeviceNews news = next();
  EXPECT_EQ(news.kind, DeviceNews::Kind::kFailed);
  EXPECT_EQ(news.batch, 4U);
}

TEST_F(Executor, NothingIsStoredThatNobodyAsksFor) {
  executor_.equip(3, 1, {0, 0, 8});
  executor_.equipped();
  run(1, 1, {1});
  EXPECT_TRUE(next().results.empty());
}

TEST_F(StoringExecutor, ResultsAreTheRowsOfTheBatchInItsOrderThenThoseThatFailed) {
  executor_.equip(3, 1, {0, 0, 8});
  executor_.equipped();
  const std::vector<std::uint64_t> rows = {7, 8, 3, Rows::kNotANumber, 0};
  run(1, 1, rows);
  const DeviceNews news = next();
  ASSERT_EQ(news.kind, DeviceNews::Kind::kDone);
  EXPECT_EQ(news.answers.size(), rows.size());
  ASSERT_GT(news.results.size(), rows.size() * 12);
  std::vector<float> values(rows.size() * 3);
  std::memcpy(values.data(), news.results.data(), rows.size() * 12);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == Rows::kNotANumber) continue;
    EXPECT_EQ(values[3 * i + 2], static_cast<float>(rows[i] + 1)) << i;
  }
  const auto rest = news.results.span().subspan(rows.size() * 12);
  const auto failures = unpack_failures({reinterpret_cast<const char*>(rest.data()), rest.size()});
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].rows.first, 3) << "its place in the batch";
  EXPECT_EQ(failures[0].rows.count, 1);
}

TEST_F(SlowExecutor, UnloadingWaitsForNothingAndEveryBatchComesBack) {
  executor_.equip(3, 1, {0, 0, 8});
  executor_.equipped();
  for (schedule::BatchId batch = 1; batch <= 3; ++batch) run(1, batch, {1, 2, 3, 4});
  const schedule::Seconds before = clock_.now();
  executor_.accept(order(Order::Kind::kUnload, 1), {}, clock_.now());
  EXPECT_LT(clock_.now() - before, 0.05) << "a batch takes 0.2 s";
  std::set<schedule::BatchId> back;
  for (int i = 0; i < 3; ++i) back.insert(next().batch);
  EXPECT_EQ(back, (std::set<schedule::BatchId>{1, 2, 3}));
}

TEST_F(SlowExecutor, ItsStatusCountsCoresOfBatchesThatAreDone) {
  std::vector<schedule::DeviceStatus> all;
  executor_.take_status(0, all);
  executor_.equip(3, 1, {0, 1, 8});
  executor_.equipped();
  run(1, 1, {1, 2});
  const DeviceNews news = next();
  executor_.take_status(10, all);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].device, 3U);
  EXPECT_NEAR(all[1].cores_busy, news.busy * 2 / (2 * 10), 1e-9);
  EXPECT_GT(all[1].memory_used, 0);
}

TEST_F(SlowExecutor, EndsWhileBatchesWait) {
  executor_.equip(3, 1, {0, 0, 8});
  for (schedule::BatchId batch = 1; batch <= 5; ++batch) run(1, batch, {1, 2, 3, 4});
}

}  // namespace
}  // namespace widepipe::mpi_runtime
