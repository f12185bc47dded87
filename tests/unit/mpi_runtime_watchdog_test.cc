// The watchdog, and what the scheduler tells it.

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "mpi_runtime/watchdog.h"
#include "schedule/bulk_policy.h"
#include "schedule/scheduler.h"

namespace widepipe::mpi_runtime {
namespace {

using std::chrono::milliseconds;

/// What a watchdog says in the place of ending the process.
class Verdict {
 public:
  std::function<void(const std::string&)> taker() {
    return [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      text_ = text;
      changed_.notify_all();
    };
  }
  std::string wait(milliseconds most = std::chrono::seconds(20)) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, most, [this] { return !text_.empty(); });
    return text_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
};

constexpr const char* kEnd =
    ": the job ends; what is recorded stays: run the same command again to go on";

WatchdogSettings settings_of(int rank, milliseconds limit = milliseconds(100)) {
  return {.limit = limit, .rank = rank, .names = {"0@a", "1@a", "2@b", "3@b"}};
}

/// As the MPI thread of rank 0 does while no round comes to its end.
std::string silence(const std::vector<int>& alive) {
  Verdict verdict;
  Watchdog watchdog(settings_of(0), verdict.taker());
  std::string text;
  while (text.empty()) {
    watchdog.turn();
    if (watchdog.uneasy()) watchdog.alive(alive);
    text = verdict.wait(milliseconds(1));
  }
  return text;
}

TEST(Watchdog, Rank0NamesThoseWhoAreSilent) {
  EXPECT_EQ(silence({1, 3}), std::string("rank 2@b has not answered for 0.10 s (stopped, or its "
                                         "network is gone)") +
                                 kEnd);
  EXPECT_EQ(silence({2}), std::string("ranks 1@a, 3@b have not answered for 0.10 s (stopped, or "
                                      "its network is gone)") +
                              kEnd);
  EXPECT_EQ(silence({1, 2, 3}),
            std::string("no round came to its end for 0.10 s, though all ranks answer") + kEnd);
}

TEST(Watchdog, TheOthersNameRank0) {
  Verdict verdict;
  Watchdog watchdog(settings_of(2), verdict.taker());
  std::string text;
  while (text.empty()) {
    watchdog.turn();
    text = verdict.wait(milliseconds(1));
  }
  EXPECT_EQ(text, std::string("rank 2@b hears nothing from rank 0@a for 0.10 s") + kEnd);
}

TEST(Watchdog, AThreadThatIsStuckItself) {
  Verdict verdict;
  const Watchdog watchdog(settings_of(0), verdict.taker());
  EXPECT_EQ(verdict.wait(), std::string("rank 0@a has not got on for 0.10 s (a file system or a "
                                        "terminal that does not answer?)") +
                                kEnd);
}

TEST(Watchdog, IsContentWithRounds) {
  Verdict verdict;
  Watchdog watchdog(settings_of(0, milliseconds(1000)), verdict.taker());
  const auto end = std::chrono::steady_clock::now() + milliseconds(1500);
  while (std::chrono::steady_clock::now() < end) {
    watchdog.turn();
    watchdog.round_done();
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(verdict.wait(milliseconds(0)), "");
}

TEST(Watchdog, CanBeLeftOut) {
  Verdict verdict;
  const Watchdog watchdog(settings_of(0, milliseconds(0)), verdict.taker());
  EXPECT_EQ(verdict.wait(milliseconds(100)), "");
}

TEST(Overdue, IsWhatTakesManyTimesAsLongAsExpected) {
  schedule::Scheduler scheduler({{.name = "s", .batch_rows = 10}}, {{.rank = 0}, {.rank = 1}},
                                schedule::make_bulk_policy({}));
  scheduler.add_rows(0, {0, 1000});
  const auto first = scheduler.dispatch(0);
  EXPECT_FALSE(scheduler.overdue(1000, 60)) << "nothing is known yet";
  ASSERT_TRUE(scheduler.overdue(1201, 60)) << "even then";
  EXPECT_EQ(scheduler.overdue(1201, 60)->expected, 0);
  for (const schedule::Dispatch& made : first) {
    if (made.device == 0) scheduler.complete({.batch = made.batch, .busy = 1});
  }
  // A tenth of a second a row, by device 0; device 1 has three batches of ten: three seconds.
  EXPECT_FALSE(scheduler.overdue(59, 60)) << "the limit";
  const auto overdue = scheduler.overdue(61, 60);
  ASSERT_TRUE(overdue);
  EXPECT_EQ(overdue->dispatch.device, 1U);
  EXPECT_DOUBLE_EQ(overdue->expected, 3);
  EXPECT_DOUBLE_EQ(overdue->waited, 61);
  EXPECT_FALSE(scheduler.overdue(50, 10)) << "less than twenty times as long";
  EXPECT_TRUE(scheduler.overdue(61, 10));
  scheduler.excuse(30);
  EXPECT_FALSE(scheduler.overdue(90, 60)) << "disturbed for 30";
  EXPECT_TRUE(scheduler.overdue(91, 60));
}

}  // namespace
}  // namespace widepipe::mpi_runtime
