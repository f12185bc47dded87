// Which models are run how, and where, if devices have no room for all.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <vector>

#include "request_fixture.h"
#include "schedule/fixed_policies.h"
#include "schedule/greedy_policy.h"
#include "schedule/packing.h"
#include "schedule/static_policy.h"

namespace widepipe::schedule {
namespace {

double bytes_of(const Cluster& cluster, const std::vector<InstanceSpec>& instances) {
  double bytes = 0;
  for (const InstanceSpec& spec : instances) {
    bytes += cluster.models[spec.model].costs->instance_bytes(spec.max_batch);
  }
  return bytes;
}

ModelWay way_of(const NetworkCosts& costs, int batch) {
  return {.point = {0, batch, costs.at(0, batch).solo}, .largest = batch, .usual = batch};
}

std::vector<PackedModel> models_of(const Cluster& cluster, const std::vector<double>& rates) {
  std::vector<PackedModel> models;
  for (ModelId model = 0; model < rates.size(); ++model) {
    models.push_back({rates[model], way_of(*cluster.models[model].costs, 4)});
  }
  return models;
}

/// All of a kind.
Cluster even_cluster(int devices, int models, double memory) {
  Cluster cluster = cluster_of(devices, models, 1, memory);
  for (ServedModel& model : cluster.models) model.costs = cluster.models[0].costs;
  return cluster;
}

TEST(Ways, AreFromTheSmallestInstancesToTheLargestThatFit) {
  const auto network = costs();
  for (const auto& [memory, batches] : {std::pair{1000.0, std::vector{1, 2, 3, 5, 8}},
                                        {139.0, std::vector{1, 2, 3}},
                                        {50.0, std::vector{1}}}) {
    std::vector<int> found;
    for (const ModelWay& way : ways_by_size(*network, memory, [&](double bytes, int limit) {
           EXPECT_EQ(bytes, network->instance_bytes(limit));
           return way_of(*network, limit);
         })) {
      found.push_back(way.largest);
    }
    EXPECT_EQ(found, batches) << memory;
  }
  EXPECT_EQ(ways_by_size(*network, 1000, [&](double, int) { return way_of(*network, 2); }).size(),
            1U)
      << "each once";
}

TEST(Ways, GiveModelsThatFillThemLargerBatches) {
  const Cluster cluster = even_cluster(4, 8, 500);
  const NetworkCosts& network = *cluster.models[0].costs;
  const std::vector<ModelWay> ways =
      ways_by_size(network, 500, [&](double, int limit) { return way_of(network, limit); });
  const auto chosen_for = [&](const std::vector<double>& rates, const Cluster& on) {
    std::vector<ModelDemand> demands;
    for (const double rate : rates) demands.push_back({rate, 0.05, ways});
    std::vector<int> batches;
    const std::vector<DeviceState> devices(on.devices.size());
    for (const ModelWay& way : choose_ways(on, devices, demands)) batches.push_back(way.largest);
    return batches;
  };
  const std::vector<int> uneven = chosen_for({400, 10, 10, 10, 10, 10, 10, 10}, cluster);
  EXPECT_EQ(uneven[0], 8);
  for (std::size_t model = 1; model < uneven.size(); ++model) EXPECT_LT(uneven[model], 8);
  EXPECT_EQ(chosen_for(std::vector<double>(8, 400), even_cluster(400, 8, 500)),
            std::vector<int>(8, 8))
      << "with memory for all";
  EXPECT_EQ(chosen_for(std::vector<double>(8, 1), even_cluster(1, 8, 200)), std::vector<int>(8, 1))
      << "with memory for none";
}

TEST(Ways, AreFirstChosenForAModerateLoad) {
  const Cluster cluster = even_cluster(10, 2, 500);
  const NetworkCosts& network = *cluster.models[0].costs;
  const std::vector<ModelWay> smallest(2, way_of(network, 1));
  const std::vector<double> rates = moderate_rates(cluster, {3, 1}, smallest);
  EXPECT_DOUBLE_EQ(rates[0], 3 * rates[1]);
  EXPECT_NEAR((rates[0] + rates[1]) * cost_per_request(network, 0, 1, 4), 0.4 * 10, 1e-9);
}

TEST(Packing, GivesEachModelOneAndPopularOnesMore) {
  const Cluster cluster = even_cluster(8, 20, 450);  // room for three instances of 140 a device
  const std::vector<DeviceState> devices(8);
  std::vector<double> rates(20, 10);
  rates[7] = 100;
  Instances instances;
  pack(cluster, models_of(cluster, rates), devices, {}, instances);
  ASSERT_EQ(instances.size(), 8U);
  const std::vector<int> got = copies_by_model(instances, 20);
  for (const int copies : got) EXPECT_GE(copies, 1);
  EXPECT_GE(got[7], 4);
  EXPECT_EQ(std::accumulate(got.begin(), got.end(), 0), 24) << "memory is used";
  const Instances before = instances;
  for (const double change : {1.0, 0.9, 1.1}) {
    rates[7] = 100 * change;
    pack(cluster, models_of(cluster, rates), devices, {}, instances);
    EXPECT_TRUE(instances == before) << change;
  }
}

TEST(Packing, FollowsWhatIsAskedForAFewInstancesADeviceAtATime) {
  const Cluster cluster = even_cluster(6, 12, 750);  // five a device
  const std::vector<DeviceState> devices(6);
  std::vector<double> rates(12, 10);
  rates[0] = 300;
  Instances instances;
  pack(cluster, models_of(cluster, rates), devices, {}, instances);
  std::swap(rates[0], rates[11]);
  for (int plan = 0; plan < 4; ++plan) {
    const Instances before = instances;
    pack(cluster, models_of(cluster, rates), devices, {}, instances);
    for (std::size_t device = 0; device < 6; ++device) {
      EXPECT_LE(moved(before, instances, device), 3U);
    }
    for (const int copies : copies_by_model(instances, 12)) EXPECT_GE(copies, 1);
  }
  const std::vector<int> got = copies_by_model(instances, 12);
  EXPECT_GE(got[11], 8);
  EXPECT_LE(got[0], 3);
}

TEST(Packing, PrefersDevicesWithLittleToDo) {
  const Cluster cluster = even_cluster(3, 3, 290);  // two a device
  std::vector<DeviceState> devices(3);
  devices[1].speed = 0.2;
  Instances instances = {{{0, 0, 4}}, {}, {{1, 0, 4}}};
  pack(cluster, models_of(cluster, {200, 1, 1}), devices, {}, instances);
  const auto has = [&](std::size_t device, ModelId model) {
    return std::any_of(instances[device].begin(), instances[device].end(),
                       [&](const InstanceSpec& spec) { return spec.model == model; });
  };
  EXPECT_TRUE(has(2, 2)) << "the first for who has none: where least is asked for";
}

TEST(Packing, ReplacesWhatOnlyAnEjectedDeviceHad) {
  const Cluster cluster = even_cluster(2, 3, 300);  // two a device
  std::vector<DeviceState> devices(2);
  Instances instances = {{{0, 0, 4}, {1, 0, 4}}, {{2, 0, 4}, {2, 0, 4}}};
  devices[0].ejected = true;
  pack(cluster, models_of(cluster, {10, 1, 1}), devices, {}, instances);
  EXPECT_EQ(instances[0], (std::vector<InstanceSpec>{{0, 0, 4}, {1, 0, 4}})) << "it keeps its own";
  EXPECT_EQ(copies_by_model({instances[1]}, 3), (std::vector<int>{1, 0, 1}));
}

TEST(Packing, KeepsTheLastInstanceOfAModelButForTheFirstOfAnother) {
  const Cluster cluster = even_cluster(1, 3, 290);  // two of 140
  const std::vector<DeviceState> devices(1);
  const auto packed = [&](const std::vector<double>& rates, Instances instances) {
    pack(cluster, models_of(cluster, rates), devices, {}, instances);
    return copies_by_model(instances, 3);
  };
  const Instances both = {{{0, 0, 4}, {1, 0, 4}}};
  EXPECT_EQ(packed({1000, 1, 0}, both), (std::vector{1, 1, 0})) << "least rates count for all";
  EXPECT_EQ(packed({100, 100, 120}, both), (std::vector{1, 1, 0})) << "not needed much more";
  EXPECT_EQ(packed({100, 300, 200}, both), (std::vector{0, 1, 1}));
  EXPECT_EQ(packed({100, 100, 300}, {{{1, 0, 4}, {1, 0, 4}}}), (std::vector{0, 1, 1}))
      << "one of two copies is the last";
}

TEST(Packing, TakesNoTwoLastInstancesForOne) {
  Cluster cluster = even_cluster(1, 3, 290);
  std::vector<PackedModel> models = models_of(cluster, {10, 10, 1000});
  models[2].way = way_of(*cluster.models[2].costs, 8);  // 180: both would have to go
  const std::vector<DeviceState> devices(1);
  Instances instances = {{{0, 0, 4}, {1, 0, 4}}};
  pack(cluster, models, devices, {}, instances);
  EXPECT_EQ(copies_by_model(instances, 3), (std::vector{1, 1, 0}));
}

TEST(Packing, LeavesWhatIsNotScarceEnough) {
  const Cluster cluster = even_cluster(3, 2, 290);  // two of 140 a device
  const std::vector<DeviceState> devices(3);
  const Instances before = {{{0, 0, 4}, {1, 0, 4}}, {{0, 0, 4}, {1, 0, 4}}, {{0, 0, 4}, {1, 0, 4}}};
  for (const auto& [rate, moves] : {std::pair(180.0, false), std::pair(600.0, true)}) {
    Instances instances = before;
    pack(cluster, models_of(cluster, {rate, 100}), devices, {}, instances);
    EXPECT_EQ(instances != before, moves) << rate;
  }
}

TEST(Packing, NeverExceedsMemoryNorCores) {
  std::mt19937_64 random(7);
  const auto below = [&](int limit) {
    return static_cast<int>(random() % static_cast<std::uint64_t>(limit));
  };
  for (int run = 0; run < 200; ++run) {
    Cluster cluster = cluster_of(1 + below(6), 1 + below(12), 1, 110.0 + below(900));
    for (ServingDevice& device : cluster.devices) {
      device.cores = 1 + below(4);
      device.memory *= 0.5 + 0.25 * below(3);
    }
    std::vector<DeviceState> devices(cluster.devices.size());
    Instances instances;
    for (int plan = 0; plan < 4; ++plan) {
      std::vector<PackedModel> models;
      for (const ServedModel& model : cluster.models) {
        const int batch = 1 + below(8);
        const auto choice = static_cast<std::uint32_t>(below(3));
        models.push_back({1.0 * below(500),
                          {.point = {choice, batch, model.costs->at(choice, batch).solo},
                           .largest = batch,
                           .usual = batch}});
      }
      for (DeviceState& device : devices) {
        device = {.speed = 0.1 + 0.3 * below(4), .ejected = below(8) == 0};
      }
      pack(cluster, models, devices, {}, instances);
      for (std::size_t device = 0; device < devices.size(); ++device) {
        EXPECT_LE(bytes_of(cluster, instances[device]), cluster.devices[device].memory);
        std::map<InstanceSpec, int> alike;
        for (const InstanceSpec& spec : instances[device]) {
          const int cores = cluster.models[spec.model].costs->core_choices()[spec.choice];
          EXPECT_LE(++alike[spec] * cores, cluster.devices[device].cores);
        }
      }
    }
  }
}

TEST(Greedy, PlansByPopularityWhereDevicesHaveNoRoomForAll) {
  Cluster cluster = even_cluster(8, 20, 450);
  for (RequestStream& stream : cluster.streams) stream.slo = 0.1;
  const std::vector<DeviceState> devices(8);
  std::vector<StreamState> streams(20, {.arrivals_per_second = 20});
  streams[3].arrivals_per_second = 2000;
  const auto policy = make_greedy_policy();
  ServingPlan plan{.rules = std::vector<StreamRule>(20), .instances = Instances(8)};
  const ServingObservation seen{.cluster = &cluster, .streams = streams, .devices = devices};
  policy->plan(seen, plan);
  std::vector<double> rows(20, 0);
  for (const auto& on_device : plan.instances) {
    for (const InstanceSpec& spec : on_device) rows[spec.model] += spec.max_batch;
  }
  for (const double model : rows) EXPECT_GE(model, 1);
  EXPECT_GE(rows[3], 3 * rows[4]);
  EXPECT_GT(plan.rules[3].full, plan.rules[4].full);
}

TEST(Clockwork, HasLargeInstancesWhereMemoryAllowsThem) {
  // It holds nothing back: what gathers while instances are busy makes its batches.
  Cluster cluster = even_cluster(8, 10, 1200);
  for (RequestStream& stream : cluster.streams) stream.slo = 0.1;
  const std::vector<DeviceState> devices(8);
  const std::vector<StreamState> streams(10, {.arrivals_per_second = 300});
  const auto policy = make_clockwork_policy(1);
  ServingPlan plan{.rules = std::vector<StreamRule>(10), .instances = Instances(8)};
  policy->plan({.cluster = &cluster, .streams = streams, .devices = devices}, plan);
  for (const auto& on_device : plan.instances) {
    for (const InstanceSpec& spec : on_device) EXPECT_GE(spec.max_batch, 5);
  }
}

TEST(StaticPolicy, IsPackedByTheSharesThatItIsSetTo) {
  const Cluster cluster = cluster_of(8, 20, 0.1, 450);
  std::vector<double> shares(20, 0.01);
  shares[5] = 0.81;
  const std::vector<StaticSetting> settings = first_static_settings(cluster, shares);
  EXPECT_DOUBLE_EQ(settings[5].share, 0.81);
  ServingPlan plan{.rules = std::vector<StreamRule>(20), .instances = Instances(8)};
  apply_settings(cluster, settings, plan);
  const std::vector<int> got = copies_by_model(plan.instances, 20);
  for (const int copies : got) EXPECT_GE(copies, 1);
  EXPECT_EQ(*std::max_element(got.begin(), got.end()), got[5]);
  // With room for all shares say nothing.
  const Cluster roomy = cluster_of(8, 20, 0.1, 1e6);
  for (const StaticSetting& setting : first_static_settings(roomy, shares)) {
    EXPECT_EQ(setting.share, 0);
  }
}

}  // namespace
}  // namespace widepipe::schedule
