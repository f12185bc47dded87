// When batches are closed though nothing forces them, what is refused, and data sets: the request
// scheduler by hand.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <vector>

#include "request_fixture.h"
#include "schedule/bulk_rules.h"
#include "schedule/greedy_policy.h"
#include "schedule/request_scheduler.h"
#include "schedule/serving_plans.h"

namespace widepipe::schedule {
namespace {

constexpr Seconds kNoDeadline = std::numeric_limits<Seconds>::infinity();

/// One that reports a batch which is smaller than it might be as such.
std::unique_ptr<RequestPolicy> eager_policy(StreamRule rule, int instances) {
  return std::make_unique<ScriptedPolicy>(
      std::vector<InstanceSpec>(static_cast<std::size_t>(instances), {0, 0, 4}), rule,
      [](const Offer& offer) {
        std::optional<Choice> choice = all_that_wait(offer);
        if (choice->batch < 4) choice->reason = CloseReason::kTimeout;
        return choice;
      });
}

TEST(IdleDevices, TakeWhatWaitsIfTheRuleSaysSo) {
  for (const bool when_idle : {true, false}) {
    Bench bench(cluster_of(2, 1, 1),
                eager_policy({.full = 4, .hold = 0.1, .idle_share = when_idle ? 0.0 : 1.0}, 2));
    bench.add(1, 0);
    const std::vector<Order> first = bench.dispatch(0);
    ASSERT_EQ(first.size(), when_idle ? 1U : 0U);
    if (!when_idle) continue;
    EXPECT_EQ(bench.ledger.batches.at(0).reason, CloseReason::kIdle);
    bench.add(2, 0.001);
    const std::vector<Order> second = bench.dispatch(0.001);
    ASSERT_EQ(second.size(), 1U);
    EXPECT_NE(second[0].device, first[0].device);
    bench.add(3, 0.0015);
    EXPECT_TRUE(bench.dispatch(0.0015).empty()) << "both are at work, though there are instances";
    const std::vector<Order> third = bench.complete(first[0], 0.002, 0.002);
    ASSERT_EQ(third.size(), 1U) << "it has nothing to do any more";
    EXPECT_EQ(third[0].device, first[0].device);
    EXPECT_EQ(bench.ledger.batches.at(2).reason, CloseReason::kIdle);
  }
}

TEST(IdleDevices, OfWhichTheRuleKeepsAShareForFullBatches) {
  Bench bench(cluster_of(4, 1, 1), eager_policy({.full = 4, .hold = 0.1, .idle_share = 0.5}, 2));
  std::size_t sent = 0;
  for (RequestId id = 0; id < 3; ++id) {
    bench.add(id, 0);
    sent += bench.dispatch(0).size();
  }
  EXPECT_EQ(sent, 2U) << "then two of four are left, no more than half";
  for (RequestId id = 3; id < 6; ++id) bench.add(id, 0);
  const std::vector<Order> full = bench.dispatch(0);
  ASSERT_EQ(full.size(), 1U);
  EXPECT_EQ(full[0].size, 4);
  EXPECT_EQ(bench.ledger.batches.back().reason, CloseReason::kFull);
}

TEST(IdleDevices, AreNotThoseThatWereEjectedOrHaveNotTheModel) {
  Cluster cluster = cluster_of(1, 2, 1);
  Bench bench(cluster, eager_policy({.full = 4, .hold = 0.1, .idle_share = 0}, 1));
  bench.add(1, 0, 1);
  EXPECT_TRUE(bench.dispatch(0).empty()) << "nobody has model 1";
  bench.add(2, 0, 0);
  const std::vector<Order> orders = bench.dispatch(0);
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_TRUE(bench.complete(orders[0], 0, 0.001, false).empty());
  EXPECT_EQ(bench.ledger.ejections, 1);
  bench.add(3, 0.002, 0);
  EXPECT_TRUE(bench.dispatch(0.002).empty());
}

TEST(OrderAhead, AnInstanceGetsItsNextOrderWhenItsBatchShouldBeDone) {
  Bench bench(cluster_of(1, 1, 1), plain({.full = 1}, 1), {.check_period = 1, .order_ahead = true});
  for (RequestId id = 1; id <= 5; ++id) bench.add(id, 0);
  const auto first = bench.dispatch(0);
  ASSERT_EQ(first.size(), 1U);
  // A batch of one takes 2 ms; order and news are on their way for 1.25 ms each.
  const Seconds busy = 0.002 * std::sqrt(1 + 0.1 * 0.1);
  EXPECT_DOUBLE_EQ(bench.scheduler.next_time(), busy);
  EXPECT_TRUE(bench.dispatch(0.0019).empty());
  const auto second = bench.dispatch(0.0021);
  ASSERT_EQ(second.size(), 1U) << "before there is any news of the first";
  EXPECT_EQ(second[0].instance, first[0].instance);
  EXPECT_TRUE(bench.dispatch(0.0042).empty()) << "one is enough to wait there";
  // When the news comes the second has been under way for 1.25 ms, and it will be for 0.76 ms more;
  // an order that leaves now comes too late.
  const auto third = bench.complete(first[0], busy, 0.0045);
  ASSERT_EQ(third.size(), 1U);
  bench.complete(second[0], busy, 0.0065);
  bench.complete(third[0], busy, 0.0086);
  EXPECT_EQ(bench.ledger.answers.size(), 3U);
}

TEST(Admission, RefusesWhatAllDevicesTogetherWouldNotGetTo) {
  // A device answers at most 4 batches of 8 in 9 ms, 8 of them in an SLO of 20 ms; the costs of
  // cores and bandwidth are 1/4 and 1/10 of it.
  const auto waiting = [](int devices, double most) {
    Bench bench(cluster_of(devices, 1, 0.020), plain({.full = 100, .hold = 1}),
                {.most_waiting = most});
    for (RequestId id = 0; id < 10'000; ++id) bench.add(id, 0);
    EXPECT_EQ(bench.ledger.drops.size(), 10'000 - bench.scheduler.waiting());
    EXPECT_EQ(bench.scheduler.counts().refused,
              static_cast<std::int64_t>(bench.ledger.drops.size()));
    EXPECT_FALSE(bench.ledger.drops.contains(0)) << "those that came last";
    return bench.scheduler.waiting();
  };
  const std::size_t one = waiting(1, 1);
  EXPECT_GE(one, 64U) << "no more than what could not be answered is refused";
  EXPECT_LE(one, 128U);
  EXPECT_NEAR(static_cast<double>(waiting(1, 2)), 2.0 * static_cast<double>(one), 1);
  EXPECT_NEAR(static_cast<double>(waiting(3, 1)), 3.0 * static_cast<double>(one), 2);
}

/// Two data sets of which one has twice the rows, and a device with an instance of each.
Cluster two_data_sets() {
  Cluster cluster = cluster_of(1, 2, kNoDeadline);
  cluster.streams[0].rows = 16;
  cluster.streams[1].rows = 32;
  cluster.devices = {{1, 1000}};
  return cluster;
}

TEST(DataSets, AreServedInProportionAndNeverDropped) {
  Bench bench(two_data_sets(),
              std::make_unique<ScriptedPolicy>(std::vector<InstanceSpec>{{0, 0, 4}, {1, 0, 4}},
                                               StreamRule{.full = 1}, all_that_wait));
  RequestId next = 0;
  for (StreamId stream : {0, 1}) {
    for (int row = 0; row < (stream == 0 ? 16 : 32); ++row) bench.add(next++, 0, stream);
  }
  bench.scheduler.drain();
  std::vector<StreamId> order;
  std::vector<Order> orders = bench.dispatch(0);
  Seconds now = 0;
  while (!orders.empty()) {
    ASSERT_EQ(orders.size(), 1U) << "there is one core";
    order.push_back(orders[0].stream);
    now += 0.005;
    orders = bench.complete(orders[0], 0.005, now);
  }
  EXPECT_TRUE(bench.scheduler.drained());
  EXPECT_EQ(bench.ledger.answers.size(), 48U);
  EXPECT_TRUE(bench.ledger.drops.empty());
  for (std::size_t first = 0; first + 3 <= order.size(); first += 3) {
    EXPECT_EQ(std::count(order.begin() + static_cast<std::ptrdiff_t>(first),
                         order.begin() + static_cast<std::ptrdiff_t>(first) + 3, 0U),
              1)
        << "one batch of the small set for two of the other, from " << first;
  }
}

TEST(DataSets, OfGreedyHaveInstancesOnOneNumberOfCoresAndTheLastBatchesAreSmall) {
  Cluster cluster = two_data_sets();
  cluster.devices.assign(2, {4, 1000});
  Bench bench(cluster, make_greedy_policy());
  for (DeviceId device : {0, 1}) {
    ASSERT_FALSE(bench.scheduler.device(device).instances().empty());
    for (const auto& instance : bench.scheduler.device(device).instances()) {
      EXPECT_EQ(instance.cores, bench.scheduler.device(0).instances()[0].cores);
    }
  }
  RequestId next = 0;
  for (StreamId stream : {0, 1}) {
    for (int row = 0; row < (stream == 0 ? 16 : 32); ++row) bench.add(next++, 0, stream);
  }
  bench.scheduler.drain();
  std::vector<Order> out = bench.dispatch(0);
  for (Seconds now = 0.005; !out.empty(); now += 0.001) {
    const Order first = out.front();
    out.erase(out.begin());
    const std::vector<Order> more = bench.complete(first, 0.005, now);
    std::copy_if(more.begin(), more.end(), std::back_inserter(out),
                 [](const Order& order) { return order.kind == Order::Kind::kRun; });
  }
  EXPECT_TRUE(bench.scheduler.drained());
  EXPECT_EQ(bench.ledger.answers.size(), 48U);
  EXPECT_EQ(bench.ledger.batches.front().size, 8);
  EXPECT_EQ(bench.ledger.batches.back().size, 1);
  EXPECT_EQ(bench.ledger.batches.back().reason, CloseReason::kDrain);
}

TEST(DataSets, AreCutByTheRulesOfScore) {
  EXPECT_EQ(steady_rows(0.05, 0.01), 4) << "five, as a power of two";
  EXPECT_EQ(steady_rows(0.05, 1), 1);
  EXPECT_EQ(guided_rows(100, 5), 10);
  EXPECT_EQ(guided_rows(100, 0), 50);
  Cluster cluster = two_data_sets();
  for (ServedModel& model : cluster.models) model.costs = costs(20);  // 40 ms and 20 ms a sample
  const BulkRules steady(cluster, kSteadyBatch);
  const BulkRules any(cluster);
  const NetworkCosts& network = *cluster.models[0].costs;
  EXPECT_EQ(any.point_of(network).batch, 8);
  EXPECT_LT(steady.point_of(network).batch, 8);
  EXPECT_NEAR(steady.point_of(network).solo, kSteadyBatch, 0.5 * kSteadyBatch);
  EXPECT_EQ(any.most_rows(1000), 1000) << "of one device";
  EXPECT_EQ(any.most_rows(0), 1);
}

TEST(Batches, AreNoLargerThanPays) {
  // What a batch takes, in units of what it is of, from one sample on.
  const struct {
    std::vector<double> takes;
    int expected;
    int least = 1;
    double pays = kWorthBlocking;
  } kCases[] = {
      {{1, 2, 3, 4}, 1},                 // no gain
      {{1.005, 2, 3, 4}, 1},             // next to none
      {{1.02, 2.015, 3, 4}, 2},          // the first
      {{2, 3, 4, 5}, 4},                 // each
      {{1.5, 2, 3.3, 4}, 2},             // odd ones are slow
      {{1.0101, 2, 3, 4}, 2},            // a little more than that
      {{1, 2, 3, 4}, 3, 3},              // no gain, beside that of three
      {{2, 2, 3, 4}, 3, 3},              // two would cost no more, and are too few
      {{3, 4, 4.5, 4}, 4, 2},            // each, from two on
      {{1, 2, 2.1, 4}, 3, 2},            // the last is slow
      {{1.02, 2.015, 3, 4}, 3, 1, 0},    // any gain pays
      {{1.2, 2.3, 3.1, 4}, 1, 1, 0.25},  // a fifth does not
      {{1.3, 2.4, 3.1, 4}, 2, 1, 0.25},  // a third does, to two
  };
  for (const auto& c : kCases) {
    std::vector<NetworkCosts::Cell> cells;
    for (const int cores : {1, 2}) {
      for (const double takes : c.takes) cells.push_back({1e-3 * takes / (1.1 * cores), 0});
    }
    const int largest = static_cast<int>(std::ssize(c.takes));
    const NetworkCosts network("n", {1, 2}, largest, cells);
    for (const std::uint32_t choice : {0U, 1U}) {
      const OperatingPoint point =
          no_larger_than_pays(network, {choice, largest, 1}, 2, kCoresCount, c.pays, c.least);
      EXPECT_EQ(point.choice, choice);
      EXPECT_EQ(point.batch, c.expected);
      EXPECT_EQ(point.solo, network.at(choice, c.expected).solo);
    }
  }
}

/// What a policy plans for devices of which nothing is known yet.
ServingPlan planned(RequestPolicy& policy, const Cluster& cluster) {
  ServingPlan plan;
  plan.rules.resize(cluster.streams.size());
  plan.instances.resize(cluster.devices.size());
  const std::vector<StreamState> streams(cluster.streams.size());
  const std::vector<DeviceState> devices(cluster.devices.size());
  policy.plan({.cluster = &cluster, .streams = streams, .devices = devices}, plan);
  return plan;
}

TEST(Greedy, PlansBatchesNoLargerThanPays) {
  struct Case {
    const char* name;
    double launch;  ///< ms, that a batch takes beside 1 ms a sample
    int full;
    int largest;  ///< of an instance, for where devices are short
  };
  for (const Case& one : {Case{"gains nothing", 0, 1, 1}, Case{"next to nothing", 0.005, 1, 1},
                          Case{"a little", 0.05, 4, 4}, Case{"much", 10, 8, 16}}) {
    Cluster cluster = cluster_of(1, 1, 0.050);
    std::vector<NetworkCosts::Cell> cells;
    for (int batch = 1; batch <= 16; ++batch) {
      cells.push_back({1e-3 * (batch + one.launch), 0.1});
    }
    cluster.models[0].costs = std::make_shared<NetworkCosts>("n", std::vector{1}, 16, cells);
    const ServingPlan plan = planned(*make_greedy_policy({.budget = 0.37}), cluster);
    EXPECT_EQ(plan.rules[0].full, one.full) << one.name;
    ASSERT_FALSE(plan.instances[0].empty()) << one.name;
    for (const InstanceSpec& instance : plan.instances[0]) {
      EXPECT_EQ(instance.max_batch, one.largest) << one.name;
    }
  }
}

TEST(Greedy, TakesCoresOnWhichNothingIsGivenUpOverCheaperOnes) {
  // The first of twelve has 3.1 ms left: in which one core, the cheapest, does two, four cores do
  // eight.
  const auto policy = make_greedy_policy({.budget = 1, .stretch = 1, .sacrifice = 0.5});
  const Cluster cluster = cluster_of(1, 1, 0.0101);
  planned(*policy, cluster);
  RequestQueue queue;
  for (RequestId id = 0; id < 12; ++id) queue.push_back({id, 2e-3 * static_cast<double>(id)});
  const auto chosen = [&](const std::vector<int>& idle) {
    const Offer offer{.costs = cluster.models[0].costs.get(),
                      .waiting = queue.size(),
                      .deadline = 0.0031,
                      .queue = &queue,
                      .scarce = true,
                      .idle = idle};
    const Choice choice = policy->choose(offer).value();
    return std::array{static_cast<int>(choice.choice), choice.batch, choice.give_up};
  };
  EXPECT_EQ(chosen({8, 0, 0}), (std::array{0, 8, 3}));
  EXPECT_EQ(chosen({8, 0, 8}), (std::array{2, 8, 0}));
}

/// Requests that wait 10 us apart, the first with 2.05 ms left: a batch of one takes 2.01 ms
/// on the only core, one of four 5.025 ms.
struct Shortage {
  std::unique_ptr<RequestPolicy> policy =
      make_greedy_policy({.budget = 1, .stretch = 1, .sacrifice = 0.5, .spare_batch = 1});
  Cluster cluster = cluster_of(1, 1, 0.0051);
  RequestQueue queue;
  std::vector<int> idle = {4, 0, 0};
  Offer offer;

  Shortage() {
    cluster.devices = {{1, 1000}};
    EXPECT_EQ(planned(*policy, cluster).rules[0].full, 4);
    for (RequestId id = 0; id < 2000; ++id) queue.push_back({id, 1e-5 * static_cast<double>(id)});
    offer = {.costs = cluster.models[0].costs.get(),
             .waiting = queue.size(),
             .deadline = 0.00205,
             .queue = &queue,
             .scarce = true,
             .idle = idle};
  }

  std::pair<int, int> choose() {  ///< a batch, and what is given up for it
    const std::optional<Choice> choice = policy->choose(offer);
    return choice ? std::pair(choice->batch, choice->give_up) : std::pair(0, 0);
  }
};

TEST(Greedy, GivesUpWhatADeviceCannotAnswerForAllThatHaveNothingToDo) {
  Shortage shortage;
  shortage.offer.deadline = 0.001;  // a batch of four can do without the first 403
  EXPECT_EQ(shortage.choose(), std::pair(0, 0)) << "too much for one device";
  shortage.offer.resting = 50;
  EXPECT_EQ(shortage.choose(), std::pair(0, 0)) << "half of 403 is more than 50 batches of four";
  shortage.offer.resting = 51;
  EXPECT_EQ(shortage.choose(), std::pair(4, 403));
}

TEST(Greedy, GivesUpWhatIsTooOldOnceSmallBatchesHaveLostAsMuch) {
  // 298 are too old for a batch of four. A batch of one takes as long as 1.6 of such.
  const auto batches_before = [](Shortage& shortage) {
    int batches = 0;
    while (batches < 1000 && shortage.choose().second == 0) ++batches;
    return batches;
  };
  Shortage alone;
  EXPECT_EQ(batches_before(alone), 497);
  EXPECT_EQ(alone.choose(), std::pair(4, 298)) << "from then on";
  alone.offer.speed = 0.5;
  EXPECT_EQ(alone.choose(), std::pair(0, 0)) << "slow devices do not decide that";
  alone.offer.speed = 1;
  alone.offer.scarce = false;
  EXPECT_EQ(alone.choose(), std::pair(1, 0)) << "the shortage is over";
  alone.offer.scarce = true;
  EXPECT_EQ(alone.choose(), std::pair(1, 0));

  Shortage another;
  batches_before(another);
  EXPECT_EQ(another.choose(), std::pair(4, 298));
  ++another.offer.shortage;
  EXPECT_EQ(another.choose(), std::pair(1, 0)) << "it is another shortage";

  Shortage larger;
  larger.idle = {8, 0, 0};
  larger.offer.idle = larger.idle;
  batches_before(larger);
  EXPECT_EQ(larger.choose(), std::pair(8, 700)) << "as many as the instance takes";

  Shortage expiring;
  expiring.offer.expired = 200;
  EXPECT_EQ(batches_before(expiring), 164) << "what expires counts";
}

}  // namespace
}  // namespace widepipe::schedule
