// A replay's parts: emulated devices of a rank, the ledger, which rows requests are for.

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "jobs/replay_ledger.h"
#include "jobs/request_rows.h"
#include "replay_world.h"
#include "rl/emulated_rank.h"
#include "schedule/timeline.h"

namespace widepipe {
namespace {

using schedule::DeviceId;
using schedule::DeviceNews;
using schedule::Order;

Order run_of(DeviceId device, schedule::InstanceId instance, schedule::BatchId batch, int size) {
  return {Order::Kind::kRun, device, instance, {0, 0, 32}, batch, 0, size};
}

TEST(EmulatedRank, AnswersDependOnTheRowAndTheModelAlone) {
  EXPECT_EQ(rl::emulated_answer(3, 17), rl::emulated_answer(3, 17));
  std::map<std::uint64_t, int> seen;
  for (schedule::ModelId model = 0; model < 20; ++model) {
    for (std::uint64_t row = 0; row < 1000; ++row) ++seen[rl::emulated_answer(model, row)];
  }
  EXPECT_EQ(seen.size(), 20'000U);
}

/// Orders at fixed times to devices 4 to 7 of eight; asked for news every `step` seconds.
std::vector<DeviceNews> served(const World& world, double step) {
  rl::EmulatedRank rank = world.rank(4, 4);
  for (DeviceId device = 4; device < 8; ++device) rank.equip(device, 1, {0, 0, 32});
  std::vector<DeviceNews> news;
  double now = 0;
  const auto ask_until = [&](double end) {
    for (; now + step <= end; now += step) {
      while (std::optional<DeviceNews> one = rank.take_news(now)) news.push_back(std::move(*one));
    }
    now = end;
  };
  for (int i = 0; i < 40; ++i) {
    ask_until(0.02 * i);
    rank.accept(run_of(4 + i % 4, 1, static_cast<schedule::BatchId>(i + 1), 1 + i % 5),
                rows_from(static_cast<std::uint64_t>(10 * i), 1 + i % 5), now);
  }
  ask_until(10);
  while (std::optional<DeviceNews> one = rank.take_news(10)) news.push_back(std::move(*one));
  return news;
}

TEST(EmulatedRank, TimesAreComputedHoweverOftenItIsAsked) {
  const World world(8);
  const std::vector<DeviceNews> often = served(world, 1e-3);
  const std::vector<DeviceNews> seldom = served(world, 100);
  ASSERT_EQ(often.size(), 40U);
  ASSERT_EQ(seldom.size(), 40U);
  for (std::size_t i = 0; i < often.size(); ++i) {
    EXPECT_EQ(often[i].batch, seldom[i].batch);
    EXPECT_EQ(often[i].busy, seldom[i].busy);
    EXPECT_GT(often[i].busy, 0);
    EXPECT_EQ(often[i].device, 4 + (often[i].batch - 1) % 4);
    ASSERT_EQ(often[i].answers.size(), 1 + (often[i].batch - 1) % 5);
    EXPECT_EQ(often[i].answers.back(),
              rl::emulated_answer(0, 10 * (often[i].batch - 1) + (often[i].batch - 1) % 5));
  }
}

TEST(EmulatedRank, ADeviceThatFailsSaysNothing) {
  World world(2);
  world.fleet.changes = {{0.001, 0, 0}};
  rl::EmulatedRank rank = world.rank(0, 2);
  for (DeviceId device : {0, 1}) {
    rank.equip(device, 1, {0, 0, 32});
    rank.accept(run_of(device, 1, device + 1, 8), rows_from(0, 8), 0);
  }
  std::vector<schedule::BatchId> done;
  while (const auto news = rank.take_news(5)) done.push_back(news->batch);
  EXPECT_EQ(done, (std::vector<schedule::BatchId>{2}));
  rank.accept(run_of(0, 1, 3, 1), rows_from(0, 1), 6);
  EXPECT_FALSE(rank.take_news(7));
}

TEST(EmulatedRank, TroubleShowsInWhatComesBack) {
  using npu_model::Trouble;
  struct Expected {
    Trouble trouble;
    std::vector<DeviceNews::Kind>
        news;    ///< of a batch before, one in the middle, one when it works
    bool wrong;  ///< the first two
  };
  constexpr auto kDone = DeviceNews::Kind::kDone;
  constexpr auto kFailed = DeviceNews::Kind::kFailed;
  for (const Expected& expected : {Expected{Trouble::kGone, {kDone}, false},
                                   Expected{Trouble::kHangs, {kDone, kDone, kDone}, false},
                                   Expected{Trouble::kFails, {kDone, kFailed, kDone}, false},
                                   Expected{Trouble::kWrong, {kDone, kDone, kDone}, true}}) {
    const auto sort = static_cast<int>(expected.trouble);
    World world(1);
    world.fleet.changes = {{0.0005, 0, 0, expected.trouble}, {1, 0, 1, {}}};
    rl::EmulatedRank rank = world.rank(0, 1);
    rank.equip(0, 1, {0, 0, 32});
    rank.accept(run_of(0, 1, 1, 8), rows_from(0, 8), 0);
    EXPECT_FALSE(rank.take_news(0.0006)) << sort;
    rank.accept(run_of(0, 1, 2, 4), rows_from(8, 4), 0.5);
    std::vector<DeviceNews> news;
    const auto ask = [&](double now) {
      while (auto one = rank.take_news(now)) news.push_back(std::move(*one));
    };
    ask(0.99);
    if (expected.trouble == Trouble::kHangs) {
      EXPECT_TRUE(news.empty());
    }
    ask(2);
    rank.accept(run_of(0, 1, 3, 2), rows_from(12, 2), 2);
    ask(3);
    ASSERT_EQ(news.size(), expected.news.size()) << sort;
    for (std::size_t i = 0; i < news.size(); ++i) {
      EXPECT_EQ(news[i].kind, expected.news[i]) << sort;
      if (news[i].kind == kFailed) {
        EXPECT_TRUE(news[i].answers.empty());
        EXPECT_LT(news[i].busy, 0.001);
        continue;
      }
      const std::uint64_t first = std::array<std::uint64_t, 3>{0, 8, 12}[news[i].batch - 1];
      const auto answer = expected.wrong && i < 2 ? rl::emulated_wrong_answer : rl::emulated_answer;
      ASSERT_FALSE(news[i].answers.empty()) << sort;
      EXPECT_EQ(news[i].answers.front(), answer(0, first)) << sort << " batch " << news[i].batch;
    }
    if (expected.trouble == Trouble::kHangs) {
      EXPECT_GT(news[0].busy, 0.99) << "it goes on with what it had";
    }
  }
}

TEST(EmulatedRank, ABatchForAnInstanceThatWasGivenUpFails) {
  const World world(1);
  rl::EmulatedRank rank = world.rank(0, 1);
  rank.equip(0, 1, {0, 0, 32});
  rank.accept(run_of(0, 1, 1, 8), rows_from(0, 8), 0);
  rank.accept(run_of(0, 1, 2, 8), rows_from(8, 8), 0);  // waits for the first
  rank.accept({Order::Kind::kUnload, 0, 1, {0, 0, 32}, 0, 0, 0}, {}, 0);
  const auto first = rank.take_news(1);
  const auto second = rank.take_news(1);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->kind, DeviceNews::Kind::kDone);
  EXPECT_EQ(second->kind, DeviceNews::Kind::kFailed);
  EXPECT_EQ(second->batch, 2U);
}

TEST(EmulatedRank, ItsStatusIsWhatItDidSinceTheOneBefore) {
  const World world(2);
  rl::EmulatedRank rank = world.rank(1, 1);
  std::vector<schedule::DeviceStatus> all;
  rank.take_status(0, all);
  rank.equip(1, 1, {0, 0, 32});
  rank.accept(run_of(1, 1, 1, 32), rows_from(0, 32), 1);
  const auto news = rank.take_news(2);
  ASSERT_TRUE(news);
  rank.take_status(2, all);
  rank.take_status(3, all);
  ASSERT_EQ(all.size(), 3U);
  const schedule::NetworkCosts& costs = *world.cluster.models[0].costs;
  const double cores = costs.core_choices()[0];
  EXPECT_EQ(all[1].device, 1U);
  EXPECT_EQ(all[1].at, 2);
  EXPECT_NEAR(all[1].cores_busy, news->busy * cores / world.fleet.devices[1].cores / 2, 1e-12);
  EXPECT_GT(all[1].bandwidth_used, 0);
  EXPECT_LT(all[1].bandwidth_used, news->busy);
  EXPECT_EQ(all[1].memory_used, costs.instance_bytes(32));
  EXPECT_EQ(all[0].memory_used, 0);
  EXPECT_EQ(all[2].cores_busy, 0);
  EXPECT_EQ(all[2].memory_used, all[1].memory_used);
}

TEST(Timeline, CountsWhatHasNoRoom) {
  schedule::Timeline timeline(3);
  for (std::uint64_t i = 0; i < 5; ++i) timeline.add({.number = i});
  EXPECT_EQ(timeline.events().size(), 3U);
  EXPECT_EQ(timeline.left_out(), 2U);
  EXPECT_EQ(timeline.events().back().number, 2U);
}

TEST(ReplayLedger, FindsWhatIsWrongDoubledOrOpen) {
  Nobody nobody;
  jobs::EmulatedAnswers rule;
  jobs::ReplayLedger ledger(nobody, rule);
  for (int i = 0; i < 4; ++i) ledger.handed_in();
  const std::array<schedule::Request, 3> requests = {{{0, 0}, {1, 0}, {2, 0}}};
  std::vector<std::uint64_t> answers;
  for (const auto& request : requests) answers.push_back(rl::emulated_answer(2, request.id));
  ledger.check(2, requests, answers);
  EXPECT_EQ(ledger.wrong(), 0);
  ledger.check(1, requests, answers);
  EXPECT_EQ(ledger.wrong(), 3) << "of another model";
  std::swap(answers[0], answers[2]);
  ledger.check(2, requests, answers);
  EXPECT_EQ(ledger.wrong(), 5) << "mixed up";
  answers.pop_back();
  ledger.check(2, requests, answers);
  EXPECT_EQ(ledger.wrong(), 8) << "lost";
  ledger.check(2, {}, answers);
  EXPECT_EQ(ledger.wrong(), 8) << "of a batch whose requests went elsewhere";
  answers.clear();
  for (const auto& request : requests) answers.push_back(rl::emulated_wrong_answer(2, request.id));
  EXPECT_FALSE(ledger.check(2, requests, answers)) << "the device computes wrong";
  EXPECT_EQ(ledger.refused(), 3);
  EXPECT_EQ(ledger.wrong(), 8);
  ledger.answered(0, requests[0], 1);
  ledger.dropped(0, requests[1], 1);
  EXPECT_EQ(ledger.open(), 2);
  ledger.answered(0, requests[1], 1);
  EXPECT_EQ(ledger.doubled(), 1);
}

TEST(ReplayLedger, AnswersOfRealDevicesAreTheSameForARow) {
  using Verdict = jobs::AnswerRule::Verdict;
  jobs::RequestRows rows({0, 1, 0}, {{{0, 2}}, {{0, 3}}});
  for (const schedule::StreamId stream : {0, 1, 0, 2, 2}) rows.hand_in(stream);
  jobs::SameAnswers rule(rows);
  EXPECT_EQ(rule.judge(0, 0, 77), Verdict::kRight) << "nobody knows better";
  EXPECT_EQ(rule.judge(1, 1, 79), Verdict::kRight) << "other data";
  EXPECT_EQ(rule.judge(0, 2, 78), Verdict::kRight) << "another row";
  EXPECT_EQ(rule.judge(0, 3, 77), Verdict::kRight) << "the first row again, of another stream";
  EXPECT_EQ(rule.judge(0, 4, 77), Verdict::kWrong);
}

TEST(RequestRows, RequestsOfADataSetAreForOneRowAfterTheOther) {
  jobs::RequestRows rows({1, 0, 1}, {{{5, 2}, {9, 1}}, {{0, 100}}});
  for (const schedule::StreamId stream : {1, 0, 1, 2, 1, 1, 0}) rows.hand_in(stream);
  rows.hand_in(1, 42);
  rows.hand_in(1);
  const std::vector<std::pair<std::size_t, std::int64_t>> expected = {
      {0, 5}, {1, 0}, {0, 6}, {1, 1}, {0, 9}, {0, 5}, {1, 2}, {0, 42}, {0, 6}};
  for (schedule::RequestId id = 0; id < expected.size(); ++id) {
    EXPECT_EQ(rows.data_of(id), expected[id].first) << id;
    EXPECT_EQ(rows.row_of(id), expected[id].second) << id;
  }
}

}  // namespace
}  // namespace widepipe
