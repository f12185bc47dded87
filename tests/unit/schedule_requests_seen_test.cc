// What the request scheduler tells policies, and when it asks them.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "request_fixture.h"
#include "schedule/request_scheduler.h"

namespace widepipe::schedule {
namespace {

/// Tells what it last saw.
class Watching final : public RequestPolicy {
 public:
  explicit Watching(ServingObservation& seen) : seen_(seen) {}
  std::string_view name() const override { return "watching"; }
  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    seen_ = seen;
    plan.rules.assign(seen.streams.size(), {.full = 1});
    plan.instances.assign(seen.devices.size(), {{0, 0, 1}});
  }
  std::optional<Choice> choose(const Offer& offer) override { return all_that_wait(offer); }

 private:
  ServingObservation& seen_;
};

TEST(RequestScheduler, TellsPoliciesHowLateNewsIsAndHowFarOffItsExpectations) {
  for (const double off : {0.0, 0.3}) {
    ServingObservation seen;
    Bench bench(cluster_of(1, 1, 100), std::make_unique<Watching>(seen));
    EXPECT_EQ(seen.travel, 0);
    EXPECT_EQ(seen.unsteady, 0);
    constexpr Seconds kOnTheWay = 0.003;
    const Seconds usual = 0.002 * std::sqrt(1 + 0.1 * 0.1);  // alone, demand .1
    Seconds now = 0;
    for (RequestId id = 0; id < 4000; ++id) {
      bench.add(id, now);
      const auto orders = bench.dispatch(now);
      ASSERT_EQ(orders.size(), 1U);
      // As often faster as slower: the estimated speed stays about 1.
      const Seconds busy = usual * (1 + (id % 2 == 0 ? off : -off));
      now += busy + kOnTheWay;
      bench.complete(orders[0], busy, now);
    }
    EXPECT_NEAR(seen.travel, kOnTheWay, 1e-4);
    EXPECT_NEAR(seen.unsteady, off, 0.02 + 0.2 * off);
  }
}

/// Wants to plan again so soon.
class Eager final : public RequestPolicy {
 public:
  Eager(Seconds period, std::vector<Seconds>& plans) : period_(period), plans_(plans) {}
  std::string_view name() const override { return "eager"; }
  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    EXPECT_DOUBLE_EQ(seen.period, plans_.empty() ? 0 : seen.now - plans_.back());
    plans_.push_back(seen.now);
    plan.instances.assign(seen.devices.size(), {{0, 0, 1}});
    plan.period = period_;
  }
  std::optional<Choice> choose(const Offer& offer) override { return all_that_wait(offer); }

 private:
  const Seconds period_;
  std::vector<Seconds>& plans_;
};

TEST(RequestScheduler, PlansAsSoonAsThePolicyWants) {
  const struct {
    Seconds wanted;
    Seconds expected;
  } kCases[] = {{0.05, 0.05},
                {kUsualPlanPeriod, kUsualPlanPeriod},
                {7, kUsualPlanPeriod},
                {0, 0.01},
                {-1, 0.01},
                {std::numeric_limits<double>::quiet_NaN(), kUsualPlanPeriod}};
  for (const auto& c : kCases) {
    std::vector<Seconds> plans;
    Bench bench(cluster_of(1, 1, 100), std::make_unique<Eager>(c.wanted, plans));
    for (Seconds now = 0; now < 3; now = bench.scheduler.next_time()) {
      bench.dispatch(now);
      if (plans.size() > 3) break;
    }
    ASSERT_GT(plans.size(), 3U) << c.wanted;
    EXPECT_NEAR(plans[3] - plans[2], c.expected, 0.003) << c.wanted << ": to the next check";
  }
}

TEST(RequestScheduler, TellsPoliciesWhatRunsBesideBatches) {
  for (const bool beside : {false, true}) {
    double usual = 1;
    const std::vector<InstanceSpec> two(2, {0, 0, 1});
    Bench bench(cluster_of(1, 1, 100), std::make_unique<ScriptedPolicy>(
                                           two, StreamRule{.full = 1}, [&](const Offer& offer) {
                                             usual = offer.usual_demand;
                                             return all_that_wait(offer);
                                           }));
    const double demand = beside ? 0.2 : 0.1;
    const Seconds busy = 0.002 * std::sqrt(1 + demand * demand);
    Seconds now = 0;
    for (RequestId id = 0; id < 4000; id += 2) {
      bench.add(id, now);
      if (beside) bench.add(id + 1, now);
      const auto orders = bench.dispatch(now);
      ASSERT_EQ(orders.size(), beside ? 2U : 1U);
      now += busy;
      for (const Order& order : orders) bench.complete(order, busy, now);
    }
    EXPECT_NEAR(usual, beside ? 0.1 : 0, 0.01) << "each has a demand of .1";
  }
}

TEST(Offer, TakesReckonsWithWhatIsUsualAsFarAsItIsTold) {
  const auto shared = costs();
  const Offer offer{.costs = shared.get(), .speed = 0.5, .demand = 1.1, .usual_demand = 0.5};
  const struct { double drift, others; } kCases[] = {{0, 1.1}, {1, 0.5}, {0.5, 0.8}, {-0.5, 1.4}};
  for (const auto& c : kCases) {
    EXPECT_DOUBLE_EQ(offer.takes(0, 1, c.drift), 0.002 / shared_rate(0.5, c.others + 0.1));
  }
  const Offer alone{.costs = shared.get(), .demand = 0, .usual_demand = 0.5};
  EXPECT_DOUBLE_EQ(alone.takes(0, 1, -1), 0.002 / shared_rate(1, 0.1)) << "no less than nothing";
  EXPECT_EQ(offer.takes(0, 1), offer.takes(0, 1, 0));
}

TEST(RequestScheduler, PlansNoMoreOftenThanPlansOfItsSizeAllow) {
  const struct {
    int devices;
    int models;
    Seconds expected;
  } kCases[] = {{100, 20, 0.01}, {1000, 20, 0.04}, {2000, 100, kUsualPlanPeriod}};
  for (const auto& c : kCases) {
    std::vector<Seconds> plans;
    Bench bench(cluster_of(c.devices, c.models, 100), std::make_unique<Eager>(0, plans));
    bench.dispatch(1);
    ASSERT_EQ(plans.size(), 2U);
    EXPECT_NEAR(bench.scheduler.next_time() - 1, c.expected, 1e-9) << c.devices;
  }
}

TEST(RequestScheduler, ABatchThatIsBackAtOnceTellsNothing) {
  ServingObservation seen;
  double usual = -1;
  Bench bench(cluster_of(1, 1, 100),
              std::make_unique<ScriptedPolicy>(std::vector<InstanceSpec>{{0, 0, 1}},
                                               StreamRule{.full = 1}, [&](const Offer& offer) {
                                                 usual = offer.usual_demand;
                                                 return all_that_wait(offer);
                                               }));
  for (RequestId id = 0; id < 3; ++id) {
    bench.add(id, 1);
    const auto orders = bench.dispatch(1);
    ASSERT_EQ(orders.size(), 1U);
    EXPECT_EQ(usual, 0);
    bench.complete(orders[0], 0.001, 1);
  }
}

/// Wants to plan as often as it may.
class Hasty final : public RequestPolicy {
 public:
  explicit Hasty(std::vector<double>& rates) : rates_(rates) {}
  std::string_view name() const override { return "hasty"; }
  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    rates_.clear();
    for (const StreamState& stream : seen.streams) rates_.push_back(stream.arrivals_per_second);
    plan.rules.assign(seen.streams.size(), {.full = 1000, .hold = 1000});
    plan.instances.assign(seen.devices.size(), {{0, 0, 1}, {1, 0, 1}});
    plan.period = 0.05;
  }
  std::optional<Choice> choose(const Offer&) override { return std::nullopt; }

 private:
  std::vector<double>& rates_;
};

TEST(RequestScheduler, RatesFollowTimeAndNotPlans) {
  std::vector<double> rates;
  Bench bench(cluster_of(1, 2, 1000), std::make_unique<Hasty>(rates));
  RequestId id = 0;
  // 100 a second; of the other stream one request, late.
  int step = 1;
  const auto serve = [&](int until) {
    for (; step < until; ++step) {
      bench.add(id++, 0.01 * step);
      bench.dispatch(0.01 * step);
    }
  };
  serve(51);
  ASSERT_EQ(rates.size(), 2U);
  EXPECT_NEAR(rates[0], 100, 2);
  EXPECT_EQ(rates[1], 0);
  bench.add(id++, 0.505, 1);
  serve(56);
  EXPECT_NEAR(rates[1], 4, 0.5) << "1 in a quarter of a second, not 20 a second";
  serve(81);
  EXPECT_NEAR(rates[1], 2, 0.3) << "half of it a quarter of a second later";
  EXPECT_NEAR(rates[0], 100, 2);
}

}  // namespace
}  // namespace widepipe::schedule
