// What the rounds of a replay are made of: slots, the clock, and rank 0's loop with devices of its
// own in one process.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "jobs/replay_ledger.h"
#include "mpi_runtime/serial_collectives.h"
#include "mpi_runtime/serve_leader.h"
#include "replay_world.h"
#include "rl/emulated_rank.h"
#include "rl/run_setup.h"
#include "schedule/greedy_policy.h"

namespace widepipe {
namespace {

using schedule::DeviceId;
using schedule::DeviceNews;
using schedule::Order;

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
