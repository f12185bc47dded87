// The request scheduler by hand: no MPI, no clock, no emulator. What it must keep whatever a policy
// wants and whatever becomes of batches.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "core/error.h"
#include "request_fixture.h"
#include "schedule/greedy_policy.h"
#include "schedule/load_balancer.h"
#include "schedule/request_policies.h"
#include "schedule/request_scheduler.h"

namespace widepipe::schedule {
namespace {

TEST(RequestScheduler, WaitsForAFullBatchAsLongAsTheRuleSays) {
  Bench bench(cluster_of(1, 1, 1), plain({.full = 3, .hold = 0.010}));
  bench.add(1, 0);
  EXPECT_TRUE(bench.dispatch(0).empty());
  EXPECT_DOUBLE_EQ(bench.scheduler.next_time(), 0.010) << "no device has anything to do";
  bench.add(2, 0.001);
  EXPECT_TRUE(bench.dispatch(0.009).empty());
  EXPECT_DOUBLE_EQ(bench.scheduler.next_time(), 0.010);
  const auto orders = bench.dispatch(0.010);
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0].size, 2);
  EXPECT_DOUBLE_EQ(bench.scheduler.next_time(), 0.011) << "a look at the device";
  bench.complete(orders[0], 0.003, 0.013);
  for (const RequestId id : {3, 4, 5}) bench.add(id, 0.014);
  EXPECT_LE(bench.scheduler.next_time(), 0.014) << "three are enough";
  EXPECT_EQ(bench.dispatch(0.014).at(0).size, 3);
}

TEST(RequestScheduler, AnswersAtTheTimeAtWhichABatchCameBack) {
  Bench bench(cluster_of(1, 1, 1), plain({.full = 1}));
  bench.add(7, 0.5);
  const auto orders = bench.dispatch(0.5);
  bench.complete(orders.at(0), 0.002, 0.6);
  EXPECT_EQ(bench.ledger.answers, (std::map<RequestId, Seconds>{{7, 0.6}}));
  EXPECT_TRUE(bench.scheduler.drained());
  EXPECT_THROW(bench.complete(orders[0], 0.002, 0.7), std::logic_error) << "not twice";
}

TEST(RequestScheduler, DropsWhatCannotBeInTimeAnyMore) {
  Bench bench(cluster_of(1, 1, 0.010), plain({.full = 1}, 1));
  const RequestId ids[] = {1, 2, 3};
  for (const RequestId id : ids) bench.add(id, 0);
  const auto first = bench.dispatch(0);
  ASSERT_EQ(first.size(), 1U) << "one instance, batches of one";
  // A batch of one takes 2 ms: at 8.5 ms it would be late.
  const auto then = bench.complete(first[0], 0.0085, 0.0085);
  EXPECT_TRUE(then.empty());
  EXPECT_EQ(bench.ledger.drops, (std::set<RequestId>{2, 3}));
}

TEST(RequestScheduler, AnOverloadDoesNotFillTheMemory) {
  Bench bench(cluster_of(1, 1, 0.010), plain({.full = 1}, 1));
  for (RequestId id = 0; id < 100'000; ++id) {
    bench.add(id, 1e-5 * static_cast<double>(id));
    EXPECT_LE(bench.scheduler.waiting(), 1101U);
  }
}

TEST(RequestScheduler, BatchesGoToTheFastestOfDevicesWithRoomOrToSlowOnesAsTheRuleSays) {
  const struct {
    double slow;
    std::vector<DeviceId> expected;
  } kCases[] = {{0, {1, 2, 0}}, {0.9, {1, 2, 0}}, {1.5, {0, 2, 1}}};
  for (const auto& c : kCases) {
    Bench bench(cluster_of(3, 1, 1), plain({.full = 1, .slow = c.slow}, 1),
                {.estimate_speeds = false});
    std::vector<Order> orders;
    bench.scheduler.tell_speed(0, 0.5, 0, orders);
    bench.scheduler.tell_speed(2, 0.8, 0, orders);
    const RequestId ids[] = {1, 2, 3};
    for (const RequestId id : ids) bench.add(id, 0);
    std::vector<DeviceId> devices;
    for (const Order& order : bench.dispatch(0)) devices.push_back(order.device);
    EXPECT_EQ(devices, c.expected) << c.slow;
  }
}

TEST(RequestScheduler, BatchesThatTakeBandwidthGoToBusyDevicesAsTheRuleSays) {
  // Two devices, of half the speed and of the whole, with room for two batches each, which take all
  // bandwidth.
  Cluster cluster = cluster_of(2, 1, 1);
  const std::vector<NetworkCosts::Cell> cells(3, {1e-3, 1.0});
  cluster.models[0].costs = std::make_shared<NetworkCosts>("n", std::vector{1, 2, 4}, 1, cells);
  const struct {
    double slow;
    std::vector<DeviceId> expected;
  } kCases[] = {{-1, {1, 1, 0, 0}}, {0, {1, 1, 0, 0}}, {0.9, {1, 0, 0, 1}}, {1.5, {0, 0, 1, 1}}};
  for (const auto& c : kCases) {
    Bench bench(
        cluster,
        std::make_unique<ScriptedPolicy>(std::vector<InstanceSpec>(2, {0, 0, 1}),
                                         StreamRule{.full = 1, .slow = c.slow}, all_that_wait),
        {.estimate_speeds = false});
    std::vector<Order> orders;
    bench.scheduler.tell_speed(0, 0.5, 0, orders);
    for (const RequestId id : {1U, 2U, 3U, 4U}) bench.add(id, 0);
    std::vector<DeviceId> devices;
    for (const Order& order : bench.dispatch(0)) devices.push_back(order.device);
    EXPECT_EQ(devices, c.expected) << c.slow;
  }
}

TEST(RequestScheduler, LearnsHowFastADeviceIs) {
  Bench bench(cluster_of(1, 1, 100), plain({.full = 1}, 1));
  Seconds now = 0;
  for (RequestId id = 0; id < 200; ++id) {
    bench.add(id, now);
    const auto orders = bench.dispatch(now);
    ASSERT_EQ(orders.at(0).kind, Order::Kind::kRun);
    const Seconds busy = 0.002 / 0.4 * std::sqrt(1 + 0.04 * 0.04);  // speed .4, demand .1
    now += busy;
    bench.complete(orders[0], busy, now);
  }
  EXPECT_NEAR(bench.scheduler.device(0).speed(), 0.4, 0.005);
}

TEST(RequestScheduler, EjectsADeviceThatDoesNotAnswerAndTriesItAgain) {
  Bench bench(cluster_of(2, 1, 1), plain({.full = 1}, 1));
  bench.add(1, 0);
  bench.add(2, 0);
  const auto orders = bench.dispatch(0);
  ASSERT_EQ(orders.size(), 2U);
  const Order lost = orders[0];
  bench.complete(orders[1], 0.002, 0.002);
  // 2 ms were expected: after four times as long, and 10 ms, its request goes elsewhere.
  EXPECT_TRUE(bench.dispatch(0.017).empty());
  const auto again = bench.dispatch(0.020);
  EXPECT_EQ(bench.ledger.ejections, 1);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_NE(again[0].device, lost.device);
  bench.complete(again[0], 0.002, 0.022);
  EXPECT_EQ(bench.ledger.answers.size(), 2U);

  bench.add(3, 0.1);
  EXPECT_NE(bench.dispatch(0.1).at(0).device, lost.device) << "no more work for it";
  bench.add(4, 0.28);
  const auto probe = bench.dispatch(0.28);
  ASSERT_EQ(probe.size(), 1U);
  EXPECT_EQ(probe[0].device, lost.device) << "but one batch, to see";
  bench.complete(probe[0], 0.002, 0.282);
  EXPECT_EQ(bench.ledger.readmissions, 1);
  bench.orders.clear();
  bench.scheduler.complete(lost.batch, true, 0.3, 0.3, bench.orders);
  EXPECT_EQ(bench.ledger.answers.size(), 3U) << "its old batch counts no more";
}

TEST(RequestScheduler, AFailedBatchGoesElsewhere) {
  Bench bench(cluster_of(2, 1, 1), plain({.full = 1}, 1));
  bench.add(1, 0);
  const auto orders = bench.dispatch(0);
  const auto again = bench.complete(orders.at(0), 0, 0.001, false);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_NE(again[0].device, orders[0].device);
  bench.complete(again[0], 0.002, 0.003);
  EXPECT_EQ(bench.ledger.answers.size(), 1U);
  EXPECT_EQ(bench.scheduler.counts().dispatched_again, 1);
}

TEST(RequestScheduler, ARequestIsGivenUpWhenTooManyOfItsBatchesHaveFailed) {
  Bench bench(cluster_of(1, 1, 1000), plain({.full = 2, .hold = 0.01}), {.most_failures = 3});
  bench.add(1, 0);
  bench.add(2, 0);
  Seconds now = 0;
  int failures = 0;
  for (; failures < 10 && !bench.scheduler.drained(); ++failures) {
    std::vector<Order> orders;
    for (; orders.empty(); now += 0.1) orders = bench.dispatch(now);  // until it is probed
    bench.complete(orders.at(0), 0.001, now, false);
  }
  EXPECT_EQ(bench.ledger.drops, (std::set<RequestId>{1, 2}));
  EXPECT_TRUE(bench.ledger.answers.empty());
  EXPECT_GE(failures, 3);
  EXPECT_LE(failures, 6);
}

TEST(Guard, VetoesWhatCannotBeDone) {
  const Choice kBad[] = {{1, 1, CloseReason::kFull},  // no such instance is idle
                         {7, 1, CloseReason::kFull},  // no such choice of cores
                         {0, 5, CloseReason::kFull},  // more than the instance takes
                         {0, 3, CloseReason::kFull},  // more than wait
                         {0, 0, CloseReason::kFull}, {0, -1, CloseReason::kFull}};
  for (const Choice& bad : kBad) {
    Bench bench(cluster_of(1, 1, 1), std::make_unique<ScriptedPolicy>(
                                         std::vector<InstanceSpec>{{0, 0, 4}},
                                         StreamRule{.full = 1}, [&](const Offer&) { return bad; }));
    bench.add(1, 0);
    bench.add(2, 0);
    EXPECT_TRUE(bench.dispatch(0).empty());
    EXPECT_EQ(bench.scheduler.counts().vetoed, 1);
  }
}

TEST(Guard, ReplacesWhatWouldBeLateByWhatWouldNot) {
  // Eight on one core take 9 ms, of 6 that there are; on four cores 3 ms.
  Bench bench(cluster_of(1, 1, 0.006),
              std::make_unique<ScriptedPolicy>(std::vector<InstanceSpec>{{0, 0, 8}, {0, 2, 8}},
                                               StreamRule{.full = 8}, all_that_wait));
  for (RequestId id = 0; id < 8; ++id) bench.add(id, 0);
  const auto orders = bench.dispatch(0);
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0].spec.choice, 2U);
  EXPECT_EQ(orders[0].size, 8);
  EXPECT_EQ(bench.scheduler.counts().replaced, 1);
  ASSERT_EQ(bench.ledger.batches.size(), 1U);
  EXPECT_EQ(bench.ledger.batches[0].reason, CloseReason::kDeadline);
}

TEST(Guard, OnlyCountsTheDeadlinesOfThoseThatHaveNoGuard) {
  Bench bench(cluster_of(1, 1, 0.006),
              std::make_unique<ScriptedPolicy>(std::vector<InstanceSpec>{{0, 0, 8}, {0, 2, 8}},
                                               StreamRule{.full = 8}, all_that_wait),
              {.guard_deadlines = false});
  for (RequestId id = 0; id < 8; ++id) bench.add(id, 0);
  EXPECT_EQ(bench.dispatch(0).at(0).spec.choice, 0U);
  EXPECT_EQ(bench.scheduler.counts().replaced, 1);
}

TEST(Guard, APlanBeyondADeviceIsCut) {
  // 140 bytes an instance of batches of four, and 300 that there are.
  Bench bench(cluster_of(1, 1, 1, 300),
              std::make_unique<ScriptedPolicy>(std::vector<InstanceSpec>(5, {0, 0, 4}),
                                               StreamRule{.full = 1}, all_that_wait));
  EXPECT_EQ(bench.scheduler.device(0).instances().size(), 2U);
  EXPECT_EQ(bench.scheduler.counts().vetoed, 3);
}

TEST(Policies, AreFoundByName) {
  EXPECT_FALSE(request_policy("greedy-estimated").told_speeds);
  try {
    request_policy("best");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with("policy 'best' is not known: expected "));
  }
}

TEST(Greedy, GivesUpTheFirstRequestsWhereTheyWouldMakeEveryBatchSmall) {
  // A batch takes 1 ms and 1 ms a sample on the only core; 20 requests arrive while it is busy.
  Cluster cluster = cluster_of(1, 1, 0.01105);
  cluster.devices = {{1, 1000}};
  const auto served = [&](double sacrifice) {
    Bench bench(cluster, make_greedy_policy({.budget = 1, .stretch = 1, .sacrifice = sacrifice}));
    for (RequestId id = 0; id < 8; ++id) bench.add(id, 0);
    std::vector<Order> orders = bench.dispatch(0);
    EXPECT_EQ(orders.size(), 1U);
    for (RequestId id = 8; id < 28; ++id) bench.add(id, 1e-4 * static_cast<double>(id));
    EXPECT_TRUE(bench.dispatch(0.003).empty()) << "it is busy";
    orders = bench.complete(orders.at(0), 0.009, 0.009);
    EXPECT_EQ(orders.size(), 1U);
    EXPECT_EQ(bench.ledger.drops.size(),
              static_cast<std::size_t>(bench.scheduler.counts().given_up));
    return std::pair(orders.at(0).size, bench.scheduler.counts().given_up);
  };
  EXPECT_EQ(served(1000), std::pair(1, std::int64_t{0})) << "the first has 2.85 ms left";
  EXPECT_EQ(served(0.1), std::pair(2, std::int64_t{2})) << "the third has 3.05 ms";
  EXPECT_EQ(served(0), std::pair(3, std::int64_t{12})) << "the thirteenth has 4.05 ms";
}

TEST(LoadBalancer, BindsARequestToTheDeviceThatHasLeastOutstanding) {
  Ledger ledger;
  const auto make = [] { return plain({.full = 1, .hold = 0}); };
  LoadBalancer balancer(cluster_of(3, 1, 1), make, ledger);
  std::vector<Order> orders;
  std::map<DeviceId, int> got;
  for (RequestId id = 0; id < 9; ++id) {
    balancer.add(0, {id, 0}, 0);
    balancer.dispatch(0, orders);
  }
  ASSERT_EQ(orders.size(), 3U) << "an instance each; the others wait";
  std::set<BatchId> batches;
  for (const Order& order : orders) {
    ++got[order.device];
    batches.insert(order.batch);
  }
  EXPECT_EQ(got.size(), 3U);
  EXPECT_EQ(batches.size(), 3U) << "numbers of their own";
  // The two that wait at a device go there, even if another has nothing to do.
  const Order first = orders[0];
  orders.clear();
  balancer.complete(first.batch, true, 0.001, 0.001, orders);
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0].device, first.device);
  EXPECT_EQ(orders[0].size, 2);
  EXPECT_FALSE(balancer.drained());
}

TEST(LoadBalancer, SendsWhatWaitsElsewhereWhenADeviceFailsAndThenOneRequestToSeeIfItWorks) {
  Ledger ledger;
  LoadBalancer balancer(cluster_of(2, 1, 1), [] { return plain({.full = 1, .hold = 0}); }, ledger,
                        {.first_probe = 0.25});
  std::vector<Order> orders;
  for (RequestId id = 0; id < 8; ++id) {
    balancer.add(0, {id, 0}, 0);
    balancer.dispatch(0, orders);
  }
  ASSERT_EQ(orders.size(), 2U);
  const Order failed = orders[0];
  const Order good = orders[1];
  orders.clear();
  balancer.complete(failed.batch, false, 0.001, 0.001, orders);
  EXPECT_EQ(ledger.ejections, 1);
  EXPECT_TRUE(orders.empty());
  int answered = 0;
  for (Order next = good; answered < 8;) {
    orders.clear();
    answered += next.size;
    balancer.complete(next.batch, true, 0.001, 0.002, orders);
    balancer.dispatch(0.002, orders);
    if (orders.empty()) break;
    next = orders.at(0);
    ASSERT_EQ(next.device, good.device);
  }
  EXPECT_EQ(ledger.answers.size(), 8U) << "none is lost with the device";
  EXPECT_TRUE(balancer.drained());
  for (RequestId id = 8; id < 12; ++id) {
    balancer.add(0, {id, 0.3}, 0.3);
    balancer.dispatch(0.3, orders);
  }
  balancer.dispatch(0.31, orders);
  const auto probes = std::count_if(orders.begin(), orders.end(), [&](const Order& order) {
    return order.kind == Order::Kind::kRun && order.device == failed.device;
  });
  EXPECT_EQ(probes, 1);
  const auto probe = std::find_if(orders.begin(), orders.end(), [&](const Order& order) {
    return order.kind == Order::Kind::kRun && order.device == failed.device;
  });
  balancer.complete(probe->batch, true, 0.001, 0.32, orders);
  EXPECT_EQ(ledger.readmissions, 1);
}

TEST(LoadBalancer, ComesToRestWhenNoDeviceWorks) {
  Ledger ledger;
  LoadBalancer balancer(
      cluster_of(2, 1, 10), [] { return plain({.full = 1, .hold = 0}); }, ledger);
  std::vector<Order> orders;
  for (RequestId id = 0; id < 8; ++id) {
    balancer.add(0, {id, 0}, 0);
    balancer.dispatch(0, orders);
  }
  for (const Order& order : std::vector<Order>(orders)) {
    balancer.complete(order.batch, false, 0.001, 0.001, orders);
  }
  EXPECT_EQ(ledger.ejections, 2);
  int calls = 0;
  for (; balancer.next_time() <= 0.001 && calls < 100; ++calls) balancer.dispatch(0.001, orders);
  EXPECT_LT(calls, 100) << "time would stand still";
  EXPECT_TRUE(ledger.answers.empty());
  balancer.drop_all(0.002);
  EXPECT_EQ(ledger.drops.size(), 8U);
  EXPECT_TRUE(balancer.drained());
}

}  // namespace
}  // namespace widepipe::schedule
