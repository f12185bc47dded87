// A replay's parts: emulated devices of a rank, slots, the clock, the ledger, and rank 0's loop
// with all of them in one process.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "jobs/profile_file.h"
#include "jobs/replay_ledger.h"
#include "jobs/request_rows.h"
#include "jobs/workload_file.h"
#include "mpi_runtime/serial_collectives.h"
#include "mpi_runtime/serve_leader.h"
#include "rl/emulated_rank.h"
#include "rl/run_setup.h"
#include "schedule/greedy_policy.h"

namespace widepipe {
namespace {

using schedule::DeviceId;
using schedule::DeviceNews;
using schedule::Order;

/// A5 on a fleet, as a replay has it.
struct World {
  npu_model::Profile profile = jobs::load_profile("npu");
  rl::WorkloadSpec workload = jobs::load_workload("A5", profile);
  rl::SimulationSettings settings;
  std::vector<rl::WorkloadStream> streams;
  npu_model::Fleet fleet;
  schedule::Cluster cluster;

  explicit World(int devices, const char* fleet_name = "nominal") {
    settings = {.duration = 1, .devices = devices};
    streams = streams_of_run(profile, workload, settings);
    fleet = fleet_of_run(profile, jobs::load_fleet(fleet_name, profile), settings);
    cluster = make_cluster(profile, streams, fleet);
  }
  rl::EmulatedRank rank(DeviceId first, std::size_t count) const {
    return {profile, fleet, cluster, networks_of(streams, cluster), first, count, 7};
  }
};

Order run_of(DeviceId device, schedule::InstanceId instance, schedule::BatchId batch, int size) {
  return {Order::Kind::kRun, device, instance, {0, 0, 32}, batch, 0, size};
}

std::vector<std::uint64_t> rows_from(std::uint64_t first, int count) {
  std::vector<std::uint64_t> rows;
  for (int i = 0; i < count; ++i) rows.push_back(first + static_cast<std::uint64_t>(i));
  return rows;
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

TEST(ServeWire, AStatusComesBack) {
  const schedule::DeviceStatus status{7, 1.5, 0.25, 0.125, 3e9};
  const auto values = mpi_runtime::to_wire(status);
  const auto back = mpi_runtime::status_of({.device = 7}, values);
  EXPECT_EQ(back.device, 7U);
  EXPECT_EQ(back.at, 1.5);
  EXPECT_EQ(back.cores_busy, 0.25);
  EXPECT_EQ(back.bandwidth_used, 0.125);
  EXPECT_EQ(back.memory_used, 3e9);
}

TEST(Timeline, CountsWhatHasNoRoom) {
  schedule::Timeline timeline(3);
  for (std::uint64_t i = 0; i < 5; ++i) timeline.add({.number = i});
  EXPECT_EQ(timeline.events().size(), 3U);
  EXPECT_EQ(timeline.left_out(), 2U);
  EXPECT_EQ(timeline.events().back().number, 2U);
}

TEST(ServeWire, EntriesAndTheirValuesComeBackAndWhatHasNoRoomIsRefused) {
  using namespace mpi_runtime;
  EXPECT_EQ(serve_slot_bytes(32, 4), 768U);
  EXPECT_GE(serve_slot_bytes(1000, 1), 1000 * 8 + sizeof(OrderWire) + sizeof(ServeHeader));
  AlignedBuffer bytes(2048);
  SlotWriter writer(bytes.span());
  std::uint32_t count = 0;
  while (writer.add(OrderWire{.device = count, .size = count % 33, .batch = 100 + count},
                    rows_from(count, static_cast<int>(count % 33)))) {
    ++count;
  }
  EXPECT_GT(count, 10U);
  EXPECT_LT(count, 50U);
  writer.finish({.round = 5, .now = 1.5});
  SlotReader reader(bytes.span());
  EXPECT_EQ(reader.header().round, 5U);
  EXPECT_EQ(reader.header().now, 1.5);
  ASSERT_EQ(reader.header().entries, count);
  std::vector<std::uint64_t> rows;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto order = reader.next<OrderWire>(rows);
    EXPECT_EQ(order.device, i);
    EXPECT_EQ(order.batch, 100 + i);
    EXPECT_EQ(rows, rows_from(i, static_cast<int>(i % 33)));
  }
}

TEST(ServeClock, FollowsWhatWasShortestOnItsWayAndNeverGoesBack) {
  mpi_runtime::ServeClock clock(10);
  EXPECT_FALSE(clock.running());
  EXPECT_LT(clock.now(), 0);
  clock.hear(-1);
  EXPECT_FALSE(clock.running()) << "the leader's does not run yet";
  clock.hear(100);
  const schedule::Seconds first = clock.now();
  EXPECT_GE(first, 100);
  clock.hear(50);  // it was on its way for long
  EXPECT_GE(clock.now(), first);
  clock.hear(200);
  EXPECT_GE(clock.now(), 200);
  mpi_runtime::ServeClock leader(1000);
  leader.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_GE(leader.now(), 5e-6);
}

/// Hears of ends, and counts them.
struct Nobody final : schedule::RequestEvents {
  int answers = 0;
  void answered(schedule::StreamId, const schedule::Request&, schedule::Seconds) override {
    ++answers;
  }
  void dropped(schedule::StreamId, const schedule::Request&, schedule::Seconds) override {}
  void closed(const schedule::ClosedBatch&) override {}
  void ejected(DeviceId, schedule::Seconds) override {}
  void readmitted(DeviceId, schedule::Seconds) override {}
};

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

/// Devices whose answers are spoiled now and then, or that give results.
class Spoiled final : public schedule::OrderExecutor {
 public:
  Spoiled(rl::EmulatedRank& sound, int every, bool results = false)
      : sound_(sound), every_(every), results_(results) {}
  bool may_have_orders = true;
  void equip(DeviceId device, schedule::InstanceId id,
             const schedule::InstanceSpec& spec) override {
    sound_.equip(device, id, spec);
  }
  void accept(const Order& order, std::span<const std::uint64_t> rows,
              schedule::Seconds now) override {
    EXPECT_TRUE(may_have_orders);
    if (order.kind == Order::Kind::kRun) rows_[order.batch].assign(rows.begin(), rows.end());
    sound_.accept(order, rows, now);
  }
  std::optional<DeviceNews> take_news(schedule::Seconds now) override {
    std::optional<DeviceNews> news = sound_.take_news(now);
    if (news && !news->answers.empty() && every_ > 0 && ++count_ % every_ == 0) {
      news->answers[0] ^= 1;
      ++spoiled;
    }
    if (news && results_ && news->kind == DeviceNews::Kind::kDone) {
      const std::vector<std::uint64_t>& rows = rows_.at(news->batch);
      news->results = AlignedBuffer(8 * rows.size());
      std::memcpy(news->results.data(), rows.data(), news->results.size());
    }
    return news;
  }

  void take_status(schedule::Seconds now, std::vector<schedule::DeviceStatus>& all) override {
    sound_.take_status(now, all);
  }

  int spoiled = 0;

 private:
  rl::EmulatedRank& sound_;
  const int every_;
  const bool results_;
  int count_ = 0;
  std::map<schedule::BatchId, std::vector<std::uint64_t>> rows_;
};

struct ServeCase {
  int spoiled_every = 0;
  bool results = false;
  std::size_t most_payload = 0;  ///< bytes
};

TEST(ServeLeader, ServesWithOneRankAndEverySpoiledAnswerShows) {
  for (const auto& [every, results, most_payload] :
       {ServeCase{}, ServeCase{.spoiled_every = 10}, ServeCase{.results = true},
        ServeCase{.results = true, .most_payload = 1 << 20},
        ServeCase{.spoiled_every = 10, .results = true}}) {
    const World world(2);
    rl::EmulatedRank sound = world.rank(0, 2);
    Spoiled devices(sound, every, results);
    Nobody nobody;
    jobs::EmulatedAnswers rule;
    jobs::ReplayLedger ledger(nobody, rule);
    const auto dispatcher = make_dispatcher(
        world.cluster, world.settings, [] { return schedule::make_greedy_policy(); }, ledger);
    mpi_runtime::ServeClock clock(4);
    mpi_runtime::Wakeup wakeup;
    const auto collectives = mpi_runtime::make_serial_collectives();
    schedule::RequestId next = 0;
    bool drained = false;
    const auto arrive = [&](schedule::Seconds now) {
      bool due = false;
      for (; next < 200 && 1e-3 * static_cast<double>(next) <= now; ++next) {
        ledger.handed_in();
        due |= dispatcher->add(static_cast<schedule::StreamId>(next % 10),
                               {next, 1e-3 * static_cast<double>(next)}, now);
      }
      if (next == 200 && !std::exchange(drained, true)) {
        dispatcher->drain();
        due = true;
      }
      return due;
    };
    int asked = 0;
    std::map<schedule::RequestId, std::uint64_t> taken;  // rows
    const auto take = [&](const mpi_runtime::BatchResults& batch) {
      ASSERT_EQ(batch.bytes.size(), 8 * batch.requests.size());
      for (std::size_t i = 0; i < batch.requests.size(); ++i) {
        std::uint64_t row = 0;
        std::memcpy(&row, batch.bytes.data() + 8 * i, 8);
        EXPECT_TRUE(taken.emplace(batch.requests[i], row).second) << "twice";
      }
    };
    const auto done = [&](const mpi_runtime::BatchNews& news,
                          std::span<const schedule::Request> requests) {
      const auto instances = dispatcher->device(news.device).instances();
      const auto one = std::find_if(instances.begin(), instances.end(),
                                    [&](const auto& i) { return i.id == news.instance; });
      return one != instances.end() && ledger.check(one->spec.model, requests, news.answers);
    };
    mpi_runtime::ServeLeader leader(
        *collectives, *dispatcher, {0, 0}, &devices, clock,
        {.slot_bytes = mpi_runtime::serve_slot_bytes(32, 4),
         .most_payload = most_payload,
         .round_period = std::chrono::microseconds(200)},
        {.arrive = arrive,
         .over =
             [&](schedule::Seconds now) { return (drained && dispatcher->drained()) || now > 60; },
         .stop_requested = [] { return false; },
         .done = done,
         .row_of = [](schedule::RequestId id) { return id; },
         .has_room =
             [&] {
               devices.may_have_orders = (++asked / 100) % 2 == 0;
               return devices.may_have_orders;
             },
         .results = take,
         .status = nullptr});
    const mpi_runtime::ServeResult result = leader.run(wakeup);
    // A request may be answered late, or be dropped; each that was answered has one result.
    EXPECT_EQ(taken.size(), results ? static_cast<std::size_t>(nobody.answers) : 0U);
    for (const auto& [request, row] : taken) EXPECT_EQ(row, request);
    EXPECT_EQ(next, 200U);
    EXPECT_EQ(ledger.open(), 0);
    EXPECT_EQ(ledger.doubled(), 0);
    EXPECT_EQ(ledger.wrong(), devices.spoiled);
    EXPECT_EQ(devices.spoiled > 0, every > 0);
    EXPECT_GT(result.rounds, 0U);
    EXPECT_FALSE(result.stopped);
    EXPECT_GE(result.ended, 0.199);
  }
}

TEST(ServeLeader, ASignalEndsItHoweverMuchWaits) {
  const World world(2);
  rl::EmulatedRank sound = world.rank(0, 2);
  Spoiled devices(sound, 0, true);
  Nobody nobody;
  const auto dispatcher = make_dispatcher(
      world.cluster, world.settings, [] { return schedule::make_greedy_policy(); }, nobody);
  mpi_runtime::ServeClock clock(1);
  mpi_runtime::Wakeup wakeup;
  const auto collectives = mpi_runtime::make_serial_collectives();
  schedule::RequestId next = 0;
  std::size_t results = 0;
  mpi_runtime::ServeLeader leader(
      *collectives, *dispatcher, {0, 0}, &devices, clock,
      {.slot_bytes = mpi_runtime::serve_slot_bytes(32, 4),
       .most_payload = 1 << 20,
       .round_period = std::chrono::microseconds(200)},
      {.arrive =
           [&](schedule::Seconds now) {
             bool due = false;
             for (int i = 0; i < 50; ++i) {
               due |= dispatcher->add(static_cast<schedule::StreamId>(next % 10), {next, now}, now);
               ++next;
             }
             return due;
           },
       .over = [](schedule::Seconds now) { return now > 60; },
       .stop_requested = [&] { return results > 100; },
       .done = [](const auto&, const auto&) { return true; },
       .row_of = nullptr,
       .has_room = nullptr,
       .results = [&](const mpi_runtime::BatchResults& batch) { results += batch.requests.size(); },
       .status = nullptr});
  const mpi_runtime::ServeResult result = leader.run(wakeup);
  EXPECT_TRUE(result.stopped);
  EXPECT_LT(result.ended, 30);
  EXPECT_LE(results, static_cast<std::size_t>(nobody.answers));
}

TEST(ServeOutbox, KeepsWhatHasNoRoomInItsOrderAndLittleElse) {
  using namespace mpi_runtime;
  ServeOutbox outbox;
  std::uint64_t added = 0;
  std::uint64_t taken = 0;
  std::vector<std::uint64_t> rows;
  for (int round = 0; round < 2000; ++round) {
    for (int i = 0; i < (round < 1000 ? 4 : 2); ++i) {
      const auto size = static_cast<std::uint32_t>(added % 20);
      outbox.add({.size = size, .batch = added});
      for (std::uint32_t row = 0; row < size; ++row) outbox.add_row(added + row);
      ++added;
    }
    AlignedBuffer bytes(serve_slot_bytes(20, 1));
    SlotWriter writer(bytes.span());
    outbox.fill(writer);
    writer.finish({});
    SlotReader reader(bytes.span());
    for (std::uint32_t i = 0; i < reader.header().entries; ++i) {
      const auto order = reader.next<OrderWire>(rows);
      EXPECT_EQ(order.batch, taken);
      EXPECT_EQ(rows, rows_from(taken, static_cast<int>(taken % 20)));
      ++taken;
    }
  }
  EXPECT_EQ(outbox.entries(), added - taken);
  outbox.drain([&](const OrderWire& order, std::span<const std::uint64_t>) {
    EXPECT_EQ(order.batch, taken++);
  });
  EXPECT_EQ(taken, added);
}

}  // namespace
}  // namespace widepipe
