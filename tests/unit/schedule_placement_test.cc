// Which device holds which models.

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "request_fixture.h"
#include "schedule/greedy_policy.h"
#include "schedule/load_balancer.h"
#include "schedule/placement.h"
#include "schedule/static_policy.h"

namespace widepipe::schedule {
namespace {

constexpr double kHysteresis = 1.5;

std::vector<ModelNeed> needs_of(const std::vector<double>& busy) {
  std::vector<ModelNeed> needs;
  for (ModelId model = 0; model < busy.size(); ++model)
    needs.push_back({busy[model], {model, 0, 4}});
  return needs;
}

TEST(Spread, GivesScarceModelsTheirShare) {
  // Room for three instances of 140 a device, and six models.
  const Cluster cluster = cluster_of(8, 6, 1, 450);
  const std::vector<ModelNeed> needs = needs_of({10, 1, 1, 1, 1, 1});
  const std::vector<DeviceState> devices(8);
  const Instances instances = spread(cluster, needs, devices);
  for (const auto& on_device : instances) EXPECT_EQ(on_device.size(), 3U);
  const std::vector<int> got = copies_by_model(instances, 6);
  EXPECT_EQ(got[0], 7) << "on each but the one that has those that nobody else has";
  for (std::size_t model = 1; model < 6; ++model) EXPECT_GE(got[model], 3);
}

TEST(Rebalance, LeavesWhatIsAboutRight) {
  const Cluster cluster = cluster_of(8, 6, 1, 450);
  const std::vector<DeviceState> devices(8);
  Instances instances = spread(cluster, needs_of({5, 1, 1, 1, 1, 1}), devices);
  for (int plan = 0; plan < 5; ++plan) {
    rebalance(cluster, needs_of({5, 1, 1, 1, 1, 1}), devices, kHysteresis, instances);
  }
  const Instances before = instances;
  for (const double change : {1.0, 0.9, 1.1}) {
    rebalance(cluster, needs_of({5 * change, 1, change, 1, 1, 1}), devices, kHysteresis, instances);
    EXPECT_TRUE(instances == before) << change;
  }
}

TEST(Rebalance, MovesAFewInstancesADeviceAndLeavesEachModelOne) {
  const Cluster cluster = cluster_of(8, 6, 1, 450);
  const std::vector<DeviceState> devices(8);
  Instances instances = spread(cluster, needs_of({10, 1, 1, 1, 1, 1}), devices);
  const std::vector<ModelNeed> other = needs_of({0, 1, 1, 1, 1, 10});
  for (int plan = 0; plan < 4; ++plan) {
    const Instances before = instances;
    rebalance(cluster, other, devices, kHysteresis, instances);
    for (std::size_t device = 0; device < devices.size(); ++device) {
      EXPECT_LE(moved(before, instances, device), 3U);
      EXPECT_LE(instances[device].size(), 3U) << "as memory has room for";
    }
    for (const int copies : copies_by_model(instances, 6)) EXPECT_GE(copies, 1);
  }
  const std::vector<int> got = copies_by_model(instances, 6);
  EXPECT_GE(got[5], 7);
  EXPECT_LE(got[0], 2);
  const Instances settled = instances;
  rebalance(cluster, other, devices, kHysteresis, instances);
  EXPECT_TRUE(instances == settled);
}

TEST(Rebalance, ChangesInstancesThatAreNotAsTheyShouldBe) {
  struct Case {
    const char* what;
    InstanceSpec has, wanted;
    double memory;
    bool changed;
  };
  const std::vector<Case> cases = {
      {"other cores", {0, 0, 4}, {0, 1, 4}, 600, true},
      {"too small for half of the largest batch", {0, 0, 3}, {0, 0, 8}, 600, true},
      {"not so small", {0, 0, 4}, {0, 0, 8}, 600, false},
      {"larger than it need be", {0, 0, 8}, {0, 0, 2}, 600, false},
      {"as large as memory allows", {0, 0, 3}, {0, 0, 8}, 170, true},
      {"no memory for a larger one", {0, 0, 3}, {0, 0, 8}, 130, false}};
  for (const Case& one : cases) {
    const Cluster cluster = cluster_of(1, 1, 1, one.memory);
    const std::vector<DeviceState> devices(1);
    Instances instances = {{one.has}};
    rebalance(cluster, std::vector<ModelNeed>{{1, one.wanted}}, devices, kHysteresis, instances);
    const auto& here = instances[0];
    ASSERT_FALSE(here.empty()) << one.what;
    EXPECT_EQ(std::count(here.begin(), here.end(), one.has), one.changed ? 0 : 1) << one.what;
  }
}

TEST(Rebalance, LeavesTheLastInstanceWhereAnotherHasNoRoom) {
  const Cluster cluster = cluster_of(1, 2, 1, 270);
  const std::vector<DeviceState> devices(1);
  const Instances before = {{{0, 0, 3}, {1, 0, 3}}};
  Instances instances = before;
  const std::vector<ModelNeed> needs = {{1, {0, 0, 8}}, {1, {1, 0, 3}}};
  rebalance(cluster, needs, devices, kHysteresis, instances);
  EXPECT_TRUE(instances == before);
}

TEST(Rebalance, ChangesAFewInstancesADeviceAndSettles) {
  const Cluster cluster = cluster_of(4, 6, 1, 900);  // room for six instances
  const std::vector<DeviceState> devices(4);
  std::vector<ModelNeed> needs = needs_of({1, 1, 1, 1, 1, 1});
  Instances instances = spread(cluster, needs, devices);
  for (ModelNeed& need : needs) need.spec.choice = 2;
  for (int plan = 0; plan < 4; ++plan) {
    const Instances before = instances;
    rebalance(cluster, needs, devices, kHysteresis, instances);
    for (std::size_t device = 0; device < devices.size(); ++device) {
      EXPECT_LE(moved(before, instances, device), 3U);
    }
    for (const int copies : copies_by_model(instances, 6)) EXPECT_GE(copies, 1);
  }
  for (const auto& here : instances) {
    for (const InstanceSpec& spec : here) EXPECT_EQ(spec.choice, 2U);
  }
  const Instances settled = instances;
  rebalance(cluster, needs, devices, kHysteresis, instances);
  EXPECT_TRUE(instances == settled);
}

TEST(Rebalance, ReplacesWhatOnlyAnEjectedDeviceHad) {
  const Cluster cluster = cluster_of(2, 3, 1, 300);  // two instances a device
  std::vector<DeviceState> devices(2);
  Instances instances = {{{0, 0, 4}, {1, 0, 4}}, {{1, 0, 4}, {2, 0, 4}}};
  devices[0].ejected = true;
  rebalance(cluster, needs_of({1, 1, 1}), devices, kHysteresis, instances);
  EXPECT_EQ(instances[0], (std::vector<InstanceSpec>{{0, 0, 4}, {1, 0, 4}})) << "it keeps its own";
  EXPECT_EQ(copies_by_model({instances[1]}, 3), (std::vector<int>{0, 1, 1}))
      << "three do not fit, and none is needed more than another";
  rebalance(cluster, needs_of({2, 1, 1}), devices, kHysteresis, instances);
  EXPECT_EQ(copies_by_model({instances[1]}, 3)[0], 1);
}

TEST(Rebalance, KeepsTheLastInstanceOfAModelHoweverMuchOthersNeed) {
  const Cluster cluster = cluster_of(1, 3, 1, 450);
  const std::vector<DeviceState> devices(1);
  Instances instances = {{{0, 0, 4}, {1, 0, 4}, {2, 0, 4}}};
  rebalance(cluster, needs_of({100, 0.01, 0}), devices, kHysteresis, instances);
  EXPECT_EQ(copies_by_model(instances, 3), (std::vector<int>{1, 1, 1}));
  std::vector<ModelNeed> needs = needs_of({100, 0.01, 0});
  needs[2].over = true;
  rebalance(cluster, needs, devices, kHysteresis, instances);
  EXPECT_EQ(copies_by_model(instances, 3), (std::vector<int>{2, 1, 0}))
      << "of a data set that is done";
}

TEST(Rebalance, CountsInstancesByTheirCores) {
  // Of model 0, for which two cores are asked for, one device has one of one core.
  Cluster cluster = cluster_of(3, 2, 1, 290);
  cluster.devices[0].cores = 1;
  const std::vector<DeviceState> devices(3);
  std::vector<ModelNeed> needs = needs_of({1.2, 1});
  needs[0].spec.choice = 1;
  Instances instances = {{{0, 0, 4}}, {{1, 0, 4}, {1, 0, 4}}, {{1, 0, 4}, {1, 0, 4}}};
  rebalance(cluster, needs, devices, kHysteresis, instances);
  const std::vector<int> got = copies_by_model(instances, 2);
  EXPECT_GE(got[0], 3) << "half an instance, and two more";
}

TEST(Placement, GivesADeviceSmallerBatchesWhereItsMemoryAsksForThem) {
  Cluster cluster = cluster_of(2, 1, 1, 1000);
  cluster.devices[1].memory = 125;  // batches of two: 120 bytes
  const std::vector<DeviceState> devices(2);
  const std::vector<ModelNeed> needs = needs_of({1});
  Instances instances = spread(cluster, needs, devices);
  ASSERT_EQ(instances[1].size(), 1U);
  EXPECT_EQ(instances[1][0].max_batch, 2);
  EXPECT_EQ(instances[0][0].max_batch, 4);
  instances[1].clear();
  rebalance(cluster, needs, devices, kHysteresis, instances);
  ASSERT_EQ(instances[1].size(), 1U);
  EXPECT_EQ(instances[1][0].max_batch, 2);
}

TEST(Rebalance, TakesFreeMemoryFirst) {
  const Cluster cluster = cluster_of(1, 3, 1, 450);
  const std::vector<DeviceState> devices(1);
  Instances instances = {{{0, 0, 4}, {1, 0, 4}}};
  rebalance(cluster, needs_of({1, 1, 1}), devices, kHysteresis, instances);
  EXPECT_EQ(copies_by_model(instances, 3), (std::vector<int>{1, 1, 1}));
}

/// Two devices with room for two instances each, of three models.
TEST(StaticPlan, HasEachModelSomewhereWhereNotAllFit) {
  Cluster cluster = cluster_of(2, 3, 1, 300);
  for (DeviceId device : {0, 1}) cluster.devices[device].number = device;
  const std::vector<StaticSetting> settings(3, {.choice = 0, .batch = 4, .instances = 2});
  Ledger ledger;
  const RequestScheduler central(cluster, make_static_policy(settings), ledger);
  std::vector<int> got(3, 0);
  for (DeviceId device : {0, 1}) {
    for (const auto& instance : central.device(device).instances()) ++got[instance.spec.model];
  }
  EXPECT_EQ(got, (std::vector<int>{2, 1, 1}));
  // Behind a balancer requests go where the model is.
  LoadBalancer balancer(
      cluster, [&] { return make_static_policy(settings); }, ledger);
  std::vector<Order> orders;
  for (RequestId id = 0; id < 12; ++id) balancer.add(id % 3, {id, 0}, 0);
  balancer.drain();
  balancer.dispatch(0, orders);
  std::vector<int> sent(3, 0);
  for (const Order& order : orders) sent[order.spec.model] += order.size;
  EXPECT_EQ(sent, (std::vector<int>{4, 4, 4}));
}

TEST(StaticPlan, BeginsEachDeviceWhereItsNeighbourEnds) {
  Cluster cluster = cluster_of(4, 12, 1, 440);  // three of 140 a device
  for (DeviceId device = 0; device < 4; ++device) cluster.devices[device].number = device;
  const std::vector<StaticSetting> settings(12, {.choice = 0, .batch = 4});
  ServingPlan plan{.rules = std::vector<StreamRule>(12), .instances = Instances(4)};
  apply_settings(cluster, settings, plan);
  EXPECT_EQ(copies_by_model(plan.instances, 12), std::vector<int>(12, 1));
  // One that is too large for any device does not stop the others.
  std::vector<StaticSetting> odd = settings;
  cluster.models[0].costs = costs(1, 50);
  odd[0].batch = 50;
  apply_settings(cluster, odd, plan);
  const std::vector<int> got = copies_by_model(plan.instances, 12);
  EXPECT_EQ(got[0], 0);
  for (ModelId model = 1; model < 12; ++model) EXPECT_GE(got[model], 1) << model;
}

TEST(Greedy, LeavesRoomForAnInstanceOfEachModelWhereMemoryIsShort) {
  // Instances for batches of one take 110 bytes, those for eight 180.
  for (const double memory : {700.0, 1440.0, 2200.0}) {
    Ledger ledger;
    RequestScheduler scheduler(cluster_of(2, 12, 0.1, memory), make_greedy_policy(), ledger);
    std::vector<int> got(12, 0);
    for (DeviceId device : {0, 1}) {
      for (const auto& instance : scheduler.device(device).instances()) {
        ++got[instance.spec.model];
      }
    }
    for (const int copies : got) EXPECT_GE(copies, 1) << memory;
  }
}

}  // namespace
}  // namespace widepipe::schedule
