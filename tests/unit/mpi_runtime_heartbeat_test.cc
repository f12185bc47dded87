// The heartbeat by itself: its collectives are a list of what other ranks would say.

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mpi_runtime/heartbeat.h"

namespace widepipe::mpi_runtime {
namespace {

using std::chrono::milliseconds;

/// One rank of three, on hosts a, b, c. No other call than those of a heartbeat is made.
class ScriptedCollectives final : public Collectives {
 public:
  explicit ScriptedCollectives(int rank, int size = 3) : rank_(rank), size_(size) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::vector<std::string> all_texts(const std::string&) override { return {"a", "b", "c"}; }
  void sum(std::span<double>) override {}
  void tell_alive() override { ++told; }
  std::vector<int> heard_alive() override { return asked > 0 ? alive : std::vector<int>(); }
  void ask_alive() override { ++asked; }
  bool asked_alive() override { return std::exchange(asked_us, false); }
  void while_waiting(std::function<void()> turn) override { turn_ = std::move(turn); }

  std::unique_ptr<Scatter> scatter_from_root(Lane, Blocks) override { unexpected(); }
  std::unique_ptr<Scatter> receive_scatter(Lane, std::size_t) override { unexpected(); }
  std::unique_ptr<Gather> gather_to_root(Lane, AlignedBuffer,
                                         std::span<const std::size_t>) override {
    unexpected();
  }
  std::unique_ptr<Gather> send_gather(Lane, AlignedBuffer) override { unexpected(); }
  void broadcast(std::vector<std::byte>&) override { unexpected(); }
  void beside(const std::function<void()>&) override { unexpected(); }

  /// As a blocking call that waits for so long.
  void wait(
      milliseconds time, const std::function<void()>& each = [] {}) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
      each();
      if (turn_) turn_();
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  bool has_turn() const { return turn_ != nullptr; }

  std::vector<int> alive;  ///< who answers, and goes on telling
  bool asked_us = false;
  int told = 0;
  int asked = 0;

 private:
  [[noreturn]] static void unexpected() { throw std::logic_error("no call of a heartbeat"); }

  const int rank_;
  const int size_;
  std::function<void()> turn_;
};

constexpr milliseconds kLimit{200};
constexpr milliseconds kLong{5000};

TEST(Heartbeat, Rank0AsksAgainWhenAllHaveAnswered) {
  ScriptedCollectives collectives(0);
  collectives.alive = {1, 2};
  Heartbeat heartbeat(collectives);
  heartbeat.start(kLimit);
  collectives.wait(4 * kLimit);
  EXPECT_GT(collectives.asked, 4);
  EXPECT_LE(collectives.asked, 100) << "not at every turn";
  heartbeat.stop();
  EXPECT_FALSE(collectives.has_turn());
}

TEST(Heartbeat, TheOthersAnswerWhenAskedAndOnlyThen) {
  ScriptedCollectives collectives(1);
  Heartbeat heartbeat(collectives);
  heartbeat.start(kLimit);
  int asked = 0;
  collectives.wait(4 * kLimit, [&] { collectives.asked_us = ++asked % 20 == 0; });
  EXPECT_EQ(collectives.told, asked / 20);
}

TEST(Heartbeat, IsNotNeededAloneNorWithoutAWatchdog) {
  ScriptedCollectives alone(0, 1);
  Heartbeat of_one(alone);
  of_one.start(kLimit);
  EXPECT_FALSE(alone.has_turn());
  ScriptedCollectives collectives(0);
  Heartbeat unwatched(collectives);
  unwatched.start(milliseconds(0));
  EXPECT_FALSE(collectives.has_turn());
}

using HeartbeatDeathTest = testing::Test;

TEST(HeartbeatDeathTest, RanksThatDoNotAnswerAreNamed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const struct {
    std::vector<int> alive;
    const char* said;
  } kCases[] = {
      {{1}, "rank 2@c has not answered for 0.20 s"},
      {{2}, "rank 1@b has not answered for 0.20 s"},
      {{}, "ranks 1@b, 2@c have not answered for 0.20 s"},
  };
  for (const auto& c : kCases) {
    EXPECT_EXIT(
        {
          ScriptedCollectives collectives(0);
          collectives.alive = c.alive;
          Heartbeat heartbeat(collectives);
          heartbeat.start(kLimit);
          collectives.wait(kLong);
        },
        testing::ExitedWithCode(3), c.said);
  }
}

TEST(HeartbeatDeathTest, Rank0ThatAsksNoMoreIsNamedByOthersWhoTellMeanwhileThatTheyLive) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ScriptedCollectives collectives(2);
        Heartbeat heartbeat(collectives);
        heartbeat.start(kLimit);
        collectives.wait(kLong, [&] {
          if (std::exchange(collectives.told, 0) > 0) std::fputs("told ", stderr);
        });
      },
      testing::ExitedWithCode(3), "told (.|\n)*rank 2@c hears nothing from rank 0@a for 0.20 s");
}

}  // namespace
}  // namespace widepipe::mpi_runtime
