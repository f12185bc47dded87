// Who is served first, and who goes without: the request scheduler by hand.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "request_fixture.h"
#include "schedule/request_scheduler.h"

namespace widepipe::schedule {
namespace {

constexpr Seconds kNever = std::numeric_limits<Seconds>::infinity();

/// Batches of one that take all cores of the device: .67 ms of model 0, 1.33 ms of model 1.
std::unique_ptr<RequestPolicy> one_at_a_time(int models) {
  std::vector<InstanceSpec> instances;
  for (int i = 0; i < models; ++i) instances.push_back({static_cast<ModelId>(i), 2, 1});
  return std::make_unique<ScriptedPolicy>(instances, StreamRule{.full = 1}, all_that_wait);
}

TEST(Turns, WhatMustLeaveSoonestLeavesFirst) {
  for (const StreamId soon : {0U, 1U}) {
    Cluster cluster = cluster_of(1, 2, 1);
    cluster.streams[soon].slo = 0.5;
    Bench bench(cluster, one_at_a_time(2));
    bench.add(1, 0, 0);
    bench.add(2, 0, 1);
    bench.dispatch(0);
    ASSERT_EQ(bench.ledger.batches.size(), 1U);
    EXPECT_EQ(bench.ledger.batches[0].stream, soon);
  }
}

/// Two models, each on all cores, and a rule for each.
class TwoRules final : public RequestPolicy {
 public:
  TwoRules(StreamRule first, StreamRule second, int largest = 1)
      : rules_{first, second}, largest_(largest) {}
  std::string_view name() const override { return "two rules"; }
  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    plan.rules = rules_;
    plan.instances.assign(seen.devices.size(), {{0, 2, largest_}, {1, 2, largest_}});
  }
  std::optional<Choice> choose(const Offer& offer) override { return all_that_wait(offer); }

 private:
  const std::vector<StreamRule> rules_;
  const int largest_;
};

TEST(Turns, AStreamMayLead) {
  const struct {
    Seconds lead;
    StreamId first;
  } kCases[] = {{0, 0}, {0.4, 0}, {0.6, 1}, {-0.4, 0}};
  for (const auto& c : kCases) {
    Cluster cluster = cluster_of(1, 2, 1);
    cluster.streams[0].slo = 0.5;
    Bench bench(cluster, std::make_unique<TwoRules>(StreamRule{.full = 1},
                                                    StreamRule{.full = 1, .lead = c.lead}));
    bench.add(1, 0, 0);
    bench.add(2, 0, 1);
    bench.dispatch(0);
    ASSERT_EQ(bench.ledger.batches.size(), 1U);
    EXPECT_EQ(bench.ledger.batches[0].stream, c.first) << c.lead;
  }
}

TEST(Turns, OfADeviceWithNothingLeftToDoAreForWhatIsNotDueToo) {
  for (const double idle_share : {0.25, 1.0}) {
    Cluster cluster = cluster_of(1, 2, 1);
    cluster.streams[0].slo = 0.5;
    Bench bench(cluster, std::make_unique<TwoRules>(
                             StreamRule{.full = 4, .hold = 0.4, .idle_share = idle_share},
                             StreamRule{.full = 1}, 4));
    bench.add(1, 0, 1);
    const std::vector<Order> first = bench.dispatch(0);
    ASSERT_EQ(first.size(), 1U);
    bench.add(2, 0, 1);
    bench.add(3, 0, 0);
    EXPECT_TRUE(bench.dispatch(0).empty());
    const std::vector<Order> next = bench.complete(first[0], 0.002, 0.002);
    ASSERT_EQ(next.size(), 1U);
    // It must be answered sooner, but has time left.
    EXPECT_EQ(bench.ledger.batches[1].stream, idle_share < 1 ? 0U : 1U) << idle_share;
  }
}

TEST(Turns, WhatIsNotDueIsShortOfNothing) {
  // Two wait until the only device is done; then each comes while it works, and has time left.
  std::vector<bool> scarce;
  Bench bench(cluster_of(1, 1, 1),
              std::make_unique<ScriptedPolicy>(
                  std::vector<InstanceSpec>{{0, 2, 2}},
                  StreamRule{.full = 2, .hold = 0.5, .idle_share = 0.25}, [&](const Offer& offer) {
                    scarce.push_back(offer.scarce);
                    return all_that_wait(offer);
                  }));
  RequestId id = 0;
  const auto add = [&](int count, Seconds now) {
    for (int i = 0; i < count; ++i) bench.add(id++, now);
  };
  add(2, 0);
  std::vector<Order> out = bench.dispatch(0);
  Seconds now = 0;
  for (const int count : {2, 1, 1}) {
    ASSERT_EQ(out.size(), 1U);
    add(count, now);
    EXPECT_TRUE(bench.dispatch(now).empty());
    now += 0.001;
    out = bench.complete(out[0], 0.001, now);
  }
  EXPECT_EQ(scarce, (std::vector{false, true, false, false}));
}

TEST(Turns, ADeviceCountsItselfAmongThoseWithNothingToDoOnce) {
  Cluster cluster = cluster_of(4, 1, 1);
  Bench bench(cluster, plain({.full = 4, .hold = 0.5, .idle_share = 0.25}, 4),
              {.estimate_speeds = false});
  std::size_t sent = 0;
  for (RequestId id = 0; id < 4; ++id) {
    bench.add(id, 0);
    sent += bench.dispatch(0).size();
  }
  ASSERT_EQ(sent, 3U) << "then one of four has nothing to do";
  for (DeviceId device = 0; device < 4; ++device) {
    std::vector<Order> orders;
    bench.scheduler.tell_speed(device, 0.9, 0, orders);
    EXPECT_TRUE(orders.empty()) << device;
  }
}

TEST(Turns, AreTakenAnewAfterEachBatch) {
  // Three devices and as many of each stream's requests, one after the other.
  Bench bench(cluster_of(3, 2, 1), one_at_a_time(2));
  for (int i = 0; i < 3; ++i) {
    bench.add(static_cast<RequestId>(2 * i), 1e-3 * i, 0);
    bench.add(static_cast<RequestId>(2 * i + 1), 1e-3 * i + 5e-4, 1);
  }
  bench.dispatch(0.004);
  std::vector<StreamId> streams;
  for (const ClosedBatch& batch : bench.ledger.batches) streams.push_back(batch.stream);
  // Model 1 takes .67 ms longer, so its first request must leave before the second one of model 0.
  EXPECT_EQ(streams, (std::vector<StreamId>{1, 0, 1}));
}

/// One device, and streams whose requests come at even intervals.
class Overload {
 public:
  struct Share {
    double asked = 0;
    double in_time = 0;
    double of() const { return in_time / asked; }
  };

  explicit Overload(const Cluster& cluster)
      : cluster_(cluster),
        bench_(cluster, one_at_a_time(static_cast<int>(cluster.models.size()))) {}

  /// Goes on for so long; of what comes in the second half of it, what is answered in time.
  std::vector<Share> run(Seconds duration, const std::vector<Seconds>& intervals) {
    const Seconds begin = now_;
    const RequestId first = next_;
    std::vector<Seconds> next(intervals.size(), now_);
    std::vector<std::pair<StreamId, Seconds>> came;
    while (now_ < begin + duration) {
      const auto soonest = std::min_element(next.begin(), next.end());
      if (running_ && done_at_ <= *soonest) {
        now_ = done_at_;
        const Order done = *running_;
        running_.reset();
        begin_batch(bench_.complete(done, busy_, now_));
        continue;
      }
      const auto stream = static_cast<StreamId>(soonest - next.begin());
      now_ = *soonest;
      *soonest += intervals[stream];
      came.emplace_back(stream, now_);
      bench_.add(next_++, now_, stream);
      begin_batch(bench_.dispatch(now_));
    }
    std::vector<Share> shares(intervals.size());
    for (std::size_t i = 0; i < came.size(); ++i) {
      const auto& [stream, at] = came[i];
      const Seconds slo = cluster_.streams[stream].slo;
      if (at < begin + duration / 2 || at > now_ - slo) continue;
      ++shares[stream].asked;
      const auto answer = bench_.ledger.answers.find(first + i);
      if (answer != bench_.ledger.answers.end() && answer->second <= at + slo) {
        ++shares[stream].in_time;
      }
    }
    return shares;
  }

  /// Whose batch begins first where a request of each stream comes while the device has nothing to
  /// do.
  StreamId first_if_all_come() {
    run(0.1, {1, 1});
    now_ += 0.1;
    if (running_) bench_.complete(*std::exchange(running_, std::nullopt), busy_, now_);
    const std::size_t before = bench_.ledger.batches.size();
    for (StreamId stream = 0; stream < cluster_.streams.size(); ++stream) {
      bench_.add(next_++, now_, stream);
    }
    begin_batch(bench_.dispatch(now_));
    return bench_.ledger.batches.at(before).stream;
  }

 private:
  void begin_batch(const std::vector<Order>& orders) {
    if (orders.empty()) return;
    ASSERT_EQ(orders.size(), 1U);
    ASSERT_FALSE(running_);
    running_ = orders[0];
    const ModelId model = cluster_.streams[bench_.ledger.batches.back().stream].model;
    busy_ = cluster_.models[model].costs->at(2, 1).solo;
    done_at_ = now_ + busy_;
  }

  const Cluster cluster_;
  Bench bench_;
  RequestId next_ = 0;
  Seconds now_ = 0;
  std::optional<Order> running_;
  Seconds busy_ = 0;
  Seconds done_at_ = 0;
};

TEST(Turns, WhatTakesLeastOfDevicesComesFirstWhereMuchIsMissed) {
  // Both come as often; model 0 alone would take .61 and .48 of the time, and the rest is for
  // model 1, whose requests take twice that.
  const struct {
    Seconds interval;
    double of_dear;
  } kCases[] = {{1.1e-3, 0.32}, {1.4e-3, 0.55}};
  // What was before: nothing, or requests of one stream that one device could not answer.
  const std::vector<Seconds> kBefore[] = {{1, 1}, {2e-4, 1}, {1, 2e-4}};
  for (const auto& c : kCases) {
    for (const auto& before : kBefore) {
      Overload overload(cluster_of(1, 2, 0.020));
      overload.run(2, before);
      const auto shares = overload.run(8, {c.interval, c.interval * 1.0001});
      EXPECT_GT(shares[0].of(), 0.95) << c.interval << " " << before[0];
      EXPECT_GT(shares[1].of(), 0.8 * c.of_dear) << c.interval << " " << before[0];
    }
  }
}

TEST(Turns, OfStreamsThatTakeAsMuchNoneGoesWithoutForItsQueue) {
  Cluster cluster = cluster_of(1, 1, 0.020);
  cluster.streams.push_back(cluster.streams[0]);
  Overload overload(cluster);
  const auto shares = overload.run(8, {5e-4, 7e-3});
  EXPECT_GT(shares[0].of(), 0.6);
  EXPECT_GT(shares[1].of(), 0.4) << "the rare one";
}

TEST(Turns, AreAgainOfWhatMustLeaveSoonestOnceThatIsOver) {
  Cluster cluster = cluster_of(1, 2, 0.020);
  cluster.streams[1].slo = 0.015;
  Overload overload(cluster);
  overload.run(2, {1e-3, 1e-3});
  EXPECT_EQ(overload.first_if_all_come(), 0U) << "model 1 gives way";
  overload.run(3, {0.05, 0.05});
  EXPECT_EQ(overload.first_if_all_come(), 1U);
}

TEST(Turns, OfDataSetsComeLast) {
  Cluster cluster = cluster_of(1, 2, kNever);
  cluster.streams[1].slo = 0.020;
  cluster.streams[0].rows = 1'000'000;
  Overload overload(cluster);
  const auto shares = overload.run(4, {2e-3, 1e-3});
  EXPECT_GT(shares[1].of(), 0.7) << "model 1 alone would take all of the time, and more";
}

}  // namespace
}  // namespace widepipe::schedule
