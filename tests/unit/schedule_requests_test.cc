// The request scheduler by hand: no MPI, no clock, no emulator. What it must keep whatever a policy
// wants and whatever becomes of batches.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "core/error.h"
#include "schedule/greedy_policy.h"
#include "schedule/request_policies.h"
#include "schedule/request_scheduler.h"
#include "schedule/serving_plans.h"

namespace widepipe::schedule {
namespace {

/// On one core 1 ms and 1 ms a sample; on two cores a little more than half.
std::shared_ptr<NetworkCosts> costs(double milliseconds = 1, int max_batch = 8) {
  std::vector<NetworkCosts::Cell> cells;
  for (const double speed : {1.0, 1.8, 3.0}) {
    for (int batch = 1; batch <= max_batch; ++batch) {
      cells.push_back({milliseconds * 1e-3 * (1 + batch) / speed, 0.1});
    }
  }
  auto made = std::make_shared<NetworkCosts>("n", std::vector<int>{1, 2, 4}, max_batch, cells);
  made->weight_bytes = 100;
  made->bytes_per_sample = 10;
  return made;
}

Cluster cluster_of(int devices, int models, Seconds slo, double memory = 1000) {
  Cluster cluster;
  for (int i = 0; i < models; ++i) {
    cluster.models.push_back({"m" + std::to_string(i), costs(1 + i)});
    cluster.streams.push_back({"s" + std::to_string(i), static_cast<ModelId>(i), slo});
  }
  cluster.devices.assign(static_cast<std::size_t>(devices), {4, memory});
  return cluster;
}

/// Does as it is told.
class ScriptedPolicy final : public RequestPolicy {
 public:
  using Chooser = std::function<std::optional<Choice>(const Offer&)>;
  ScriptedPolicy(std::vector<InstanceSpec> instances, StreamRule rule, Chooser chooser)
      : instances_(std::move(instances)), rule_(rule), chooser_(std::move(chooser)) {}

  std::string_view name() const override { return "scripted"; }
  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    plan.rules.assign(seen.streams.size(), rule_);
    plan.instances.assign(seen.devices.size(), instances_);
  }
  std::optional<Choice> choose(const Offer& offer) override { return chooser_(offer); }

 private:
  const std::vector<InstanceSpec> instances_;
  const StreamRule rule_;
  const Chooser chooser_;
};

/// As many as wait, on what is idle first.
std::optional<Choice> all_that_wait(const Offer& offer) {
  for (std::uint32_t choice = 0; choice < offer.idle.size(); ++choice) {
    if (offer.idle[choice] == 0) continue;
    return Choice{choice,
                  static_cast<int>(std::min<std::size_t>(
                      offer.waiting, static_cast<std::size_t>(offer.idle[choice]))),
                  CloseReason::kFull};
  }
  return std::nullopt;
}

/// What became of requests and batches; fails if one request ends twice.
struct Ledger final : RequestEvents {
  std::map<RequestId, Seconds> answers;
  std::set<RequestId> drops;
  std::vector<ClosedBatch> batches;
  int ejections = 0;
  int readmissions = 0;

  void answered(StreamId, const Request& request, Seconds now) override {
    EXPECT_TRUE(answers.emplace(request.id, now).second) << "answered twice";
    EXPECT_FALSE(drops.contains(request.id)) << "answered, though dropped";
  }
  void dropped(StreamId, const Request& request, Seconds) override {
    EXPECT_TRUE(drops.insert(request.id).second) << "dropped twice";
    EXPECT_FALSE(answers.contains(request.id)) << "dropped, though answered";
  }
  void closed(const ClosedBatch& batch) override { batches.push_back(batch); }
  void ejected(DeviceId, Seconds) override { ++ejections; }
  void readmitted(DeviceId, Seconds) override { ++readmissions; }
};

struct Bench {
  Ledger ledger;
  RequestScheduler scheduler;
  std::vector<Order> orders;

  Bench(const Cluster& cluster, std::unique_ptr<RequestPolicy> policy,
        RequestSettings settings = {})
      : scheduler(cluster, std::move(policy), ledger, settings) {}

  void add(RequestId id, Seconds at, StreamId stream = 0) { scheduler.add(stream, {id, at}, at); }
  std::vector<Order> dispatch(Seconds now) {
    orders.clear();
    scheduler.dispatch(now, orders);
    return orders;
  }
  std::vector<Order> complete(const Order& run, Seconds busy, Seconds now, bool done = true) {
    orders.clear();
    scheduler.complete(run.batch, done, busy, now, orders);
    const std::vector<Order> more = orders;
    orders.clear();
    scheduler.dispatch(now, orders);
    orders.insert(orders.begin(), more.begin(), more.end());
    return orders;
  }
};

std::unique_ptr<RequestPolicy> plain(StreamRule rule, int max_batch = 4) {
  return std::make_unique<ScriptedPolicy>(std::vector<InstanceSpec>{{0, 0, max_batch}}, rule,
                                          all_that_wait);
}

TEST(RequestScheduler, WaitsForAFullBatchAsLongAsTheRuleSays) {
  Bench bench(cluster_of(1, 1, 1), plain({.full = 3, .hold = 0.010}));
  bench.add(1, 0);
  EXPECT_TRUE(bench.dispatch(0).empty());
  EXPECT_DOUBLE_EQ(bench.scheduler.next_time(), 0.002) << "a look at the devices";
  bench.add(2, 0.001);
  EXPECT_TRUE(bench.dispatch(0.009).empty());
  EXPECT_DOUBLE_EQ(bench.scheduler.next_time(), 0.010);
  const auto orders = bench.dispatch(0.010);
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0].size, 2);
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

TEST(RequestScheduler, BatchesGoToTheFastestOfDevicesWithRoom) {
  Bench bench(cluster_of(3, 1, 1), plain({.full = 1}, 1), {.estimate_speeds = false});
  std::vector<Order> orders;
  bench.scheduler.tell_speed(0, 0.5, 0, orders);
  bench.scheduler.tell_speed(2, 0.8, 0, orders);
  const RequestId ids[] = {1, 2, 3};
  for (const RequestId id : ids) bench.add(id, 0);
  std::vector<DeviceId> devices;
  for (const Order& order : bench.dispatch(0)) devices.push_back(order.device);
  EXPECT_EQ(devices, (std::vector<DeviceId>{1, 2, 0}));
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

TEST(Spread, GivesScarceModelsTheirShare) {
  // Room for three instances of 140 a device, and six models.
  const Cluster cluster = cluster_of(8, 6, 1, 450);
  std::vector<ModelNeed> needs;
  for (ModelId model = 0; model < 6; ++model)
    needs.push_back({model == 0 ? 10.0 : 1, {model, 0, 4}});
  const std::vector<DeviceState> devices(8);
  std::vector<int> count(6, 0);
  for (const auto& instances : spread(cluster, needs, devices)) {
    EXPECT_EQ(instances.size(), 3U);
    for (const InstanceSpec& spec : instances) ++count[spec.model];
  }
  EXPECT_EQ(count[0], 7) << "on each but the one that has those that nobody else has";
  for (int model = 1; model < 6; ++model) EXPECT_GE(count[static_cast<std::size_t>(model)], 3);
}

/// Devices as they would be, from nothing but orders; says what was broken.
class DeviceOracle {
 public:
  explicit DeviceOracle(const RequestScheduler& scheduler) : cluster_(scheduler.cluster()) {
    for (DeviceId id = 0; id < cluster_.devices.size(); ++id) {
      Device& device = devices_.emplace_back();
      for (const auto& instance : scheduler.device(id).instances()) {
        device.instances[instance.id] = {instance.spec, true, false};
      }
    }
    check();
  }

  void take(const Order& order) {
    Device& device = devices_.at(order.device);
    if (order.kind == Order::Kind::kLoad) {
      RC_ASSERT(!device.instances.contains(order.instance));
      device.instances[order.instance] = {order.spec, false, false};
    } else if (order.kind == Order::Kind::kUnload) {
      RC_ASSERT(device.instances.at(order.instance).loaded);
      RC_ASSERT(!device.instances.at(order.instance).busy);
      device.instances.erase(order.instance);
    } else {
      Instance& instance = device.instances.at(order.instance);
      RC_ASSERT(instance.loaded && !instance.busy);
      RC_ASSERT(order.size >= 1 && order.size <= instance.spec.max_batch);
      RC_ASSERT(cluster_.streams[order.stream].model == instance.spec.model);
      instance.busy = true;
    }
    check();
  }
  void loaded(DeviceId device, InstanceId id) {
    devices_.at(device).instances.at(id).loaded = true;
  }
  void ended(const Order& order) {
    const auto found = devices_.at(order.device).instances.find(order.instance);
    if (found != devices_.at(order.device).instances.end()) found->second.busy = false;
  }
  void cleared(DeviceId device) {
    std::erase_if(devices_.at(device).instances,
                  [](const auto& entry) { return !entry.second.loaded; });
    for (auto& [id, instance] : devices_.at(device).instances) instance.busy = false;
  }

 private:
  struct Instance {
    InstanceSpec spec;
    bool loaded = false;
    bool busy = false;
  };
  struct Device {
    std::map<InstanceId, Instance> instances;
  };

  void check() const {
    for (std::size_t id = 0; id < devices_.size(); ++id) {
      double bytes = 0;
      int cores = 0;
      for (const auto& [key, instance] : devices_[id].instances) {
        const NetworkCosts& costs = *cluster_.models[instance.spec.model].costs;
        bytes += costs.instance_bytes(instance.spec.max_batch);
        if (instance.busy) cores += costs.core_choices()[instance.spec.choice];
      }
      RC_ASSERT(bytes <= cluster_.devices[id].memory);
      RC_ASSERT(cores <= cluster_.devices[id].cores);
    }
  }

  const Cluster& cluster_;
  std::vector<Device> devices_;
};

/// Plans and chooses at random, also what cannot be.
class RandomPolicy final : public RequestPolicy {
 public:
  explicit RandomPolicy(std::uint64_t seed) : random_(seed) {}
  std::string_view name() const override { return "random"; }

  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    for (StreamRule& rule : plan.rules) rule = {below(6) + 1, 1e-3 * below(20)};
    for (auto& instances : plan.instances) {
      if (below(2) == 0) continue;
      instances.clear();
      for (int i = below(9); i > 0; --i) {
        instances.push_back(
            {static_cast<ModelId>(below(static_cast<int>(seen.cluster->models.size()) + 1)),
             static_cast<std::uint32_t>(below(4)), below(10)});
      }
    }
  }
  std::optional<Choice> choose(const Offer& offer) override {
    if (below(5) == 0) return std::nullopt;
    if (below(5) == 0) return Choice{static_cast<std::uint32_t>(below(5)), below(12) - 1};
    return all_that_wait(offer);
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<std::uint64_t>(limit)); }
  std::mt19937_64 random_;
};

void run_at_random(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&](int limit) {
    return static_cast<int>(random() % static_cast<std::uint64_t>(limit));
  };
  const Cluster cluster =
      cluster_of(1 + below(4), 1 + below(4), 0.005 * (1 + below(10)), 200.0 * (1 + below(5)));
  Ledger ledger;
  std::unique_ptr<RequestPolicy> policy;
  if (below(3) == 0) {
    policy = make_greedy_policy();
  } else {
    policy = std::make_unique<RandomPolicy>(random());
  }
  RequestScheduler scheduler(cluster, std::move(policy), ledger, {.plan_period = 0.02});
  DeviceOracle oracle(scheduler);
  std::vector<Order> out;
  std::vector<Order> loading;
  std::vector<Order> orders;
  std::vector<bool> ejected(cluster.devices.size());
  const auto take_orders = [&] {
    // Ejections happened before the orders that are new.
    for (DeviceId id = 0; id < cluster.devices.size(); ++id) {
      if (scheduler.device(id).ejected && !ejected[id]) {
        oracle.cleared(id);
        std::erase_if(loading, [id](const Order& order) { return order.device == id; });
      }
      ejected[id] = scheduler.device(id).ejected;
    }
    for (const Order& order : orders) {
      oracle.take(order);
      if (order.kind == Order::Kind::kRun) out.push_back(order);
      if (order.kind == Order::Kind::kLoad) loading.push_back(order);
    }
    orders.clear();
  };
  Seconds now = 0;
  RequestId next = 0;
  for (int step = 0; step < 400; ++step) {
    now += 1e-3 * below(4);
    switch (below(5)) {
      case 0:
      case 1:
        scheduler.add(static_cast<StreamId>(below(static_cast<int>(cluster.streams.size()))),
                      {next++, now}, now);
        break;
      case 2:
        scheduler.dispatch(now, orders);
        break;
      case 3:
        if (!out.empty()) {
          std::swap(out[static_cast<std::size_t>(below(static_cast<int>(out.size())))], out.back());
          const Order order = out.back();
          out.pop_back();
          oracle.ended(order);
          scheduler.complete(order.batch, below(20) != 0, 1e-3 * (1 + below(5)), now, orders);
        }
        break;
      default:
        if (!loading.empty()) {
          const Order order = loading.back();
          loading.pop_back();
          oracle.loaded(order.device, order.instance);
          scheduler.loaded(order.device, order.instance, now, orders);
        }
    }
    take_orders();
  }
  // Whatever is out comes back in the end, and what waits is given up.
  scheduler.drain();
  for (const Order& order : std::exchange(out, {})) {
    orders.clear();
    scheduler.complete(order.batch, true, 1e-3, now, orders);
    for (const Order& more : orders) {
      if (more.kind == Order::Kind::kRun) out.push_back(more);
    }
  }
  while (!out.empty()) {
    const Order order = out.back();
    out.pop_back();
    orders.clear();
    scheduler.complete(order.batch, true, 1e-3, now, orders);
    for (const Order& more : orders) {
      if (more.kind == Order::Kind::kRun) out.push_back(more);
    }
  }
  scheduler.drop_all(now);
  RC_ASSERT(scheduler.drained());
  RC_ASSERT(ledger.answers.size() + ledger.drops.size() == next);
  for (const ClosedBatch& batch : ledger.batches) RC_ASSERT(batch.size >= 1);
}

TEST(RequestScheduler, LosesAndDoublesNothingAndKeepsToCoresAndMemoryWhateverHappens) {
  EXPECT_TRUE(rc::check("any policy, any fate of batches", run_at_random));
}

}  // namespace
}  // namespace widepipe::schedule
