// How long the request scheduler waits for devices: batches that are on their way, and instances
// that never come.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "request_fixture.h"
#include "schedule/request_scheduler.h"

namespace widepipe::schedule {
namespace {

TEST(Patience, GrowsWhereBatchesOfEjectedDevicesComeBack) {
  // A batch takes 2 ms, and 60 ms on its way there and back.
  constexpr Seconds kBusy = 0.002;
  constexpr Seconds kOut = 0.062;
  Cluster cluster = cluster_of(1, 1, std::numeric_limits<Seconds>::infinity());
  cluster.streams[0].rows = 100;
  Bench bench(cluster, plain({.full = 1}, 1));
  for (RequestId id = 0; id < 20; ++id) bench.add(id, 0);
  bench.scheduler.drain();
  std::vector<Order> out = bench.dispatch(0);
  Seconds now = 0;
  while (!out.empty() && now < 60) {
    ASSERT_EQ(out.size(), 1U) << "one instance";
    const Seconds begin = now;
    for (; now < begin + kOut; now += 0.002) {
      for (const Order& order : bench.dispatch(now)) out.push_back(order);
    }
    const Order first = out.front();
    out.erase(out.begin());
    const std::vector<Order> more = bench.complete(first, kBusy, now);
    out.insert(out.end(), more.begin(), more.end());
  }
  EXPECT_EQ(bench.ledger.answers.size(), 20U);
  EXPECT_EQ(bench.ledger.ejections, 1) << "once it was too hasty";
  EXPECT_EQ(bench.ledger.readmissions, 1);
}

/// First model 0, from the second plan on model 1.
class SecondThoughts final : public RequestPolicy {
 public:
  std::string_view name() const override { return "second"; }
  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    plan.rules.assign(seen.streams.size(), {.full = 1});
    plan.instances.assign(seen.devices.size(), {{plans_++ == 0 ? 0U : 1U, 0, 1}});
  }
  std::optional<Choice> choose(const Offer& offer) override { return all_that_wait(offer); }

 private:
  int plans_ = 0;
};

TEST(Patience, EndsWhereAnInstanceDoesNotComeAndItIsOrderedAgain) {
  constexpr Seconds kLoad = 0.3;
  for (const Seconds load : {kLoad, 0.0}) {
    Cluster cluster = cluster_of(1, 2, 1);
    auto slow = costs(2);
    slow->load = load;
    cluster.models[1].costs = slow;
    Bench bench(cluster, std::make_unique<SecondThoughts>());
    std::vector<Seconds> loads;
    RequestId next = 0;
    for (Seconds now = 0; now < 4; now += 0.01) {
      if (bench.scheduler.device(0).ejected) bench.add(next++, now);
      std::vector<Order> orders = bench.dispatch(now);
      while (!orders.empty()) {
        const Order order = orders.back();
        orders.pop_back();
        if (order.kind == Order::Kind::kLoad) loads.push_back(now);
        // A batch, to show whether the device works.
        if (order.kind != Order::Kind::kRun) continue;
        const std::vector<Order> more = bench.complete(order, 0.002, now + 0.002);
        orders.insert(orders.end(), more.begin(), more.end());
      }
    }
    ASSERT_FALSE(loads.empty());
    EXPECT_NEAR(loads[0], 0.25, 0.02) << "the second plan";
    if (load == 0) {
      EXPECT_EQ(bench.ledger.ejections, 0) << "nobody knows how long it takes";
      continue;
    }
    EXPECT_GE(bench.ledger.ejections, 1);
    EXPECT_GE(loads.size(), 2U) << "ordered again";
    EXPECT_GT(loads[1] - loads[0], 4 * kLoad);
  }
}

}  // namespace
}  // namespace widepipe::schedule
