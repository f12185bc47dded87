// What the learned policy sees of a run.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "schedule/learned_features.h"
#include "tests/unit/request_fixture.h"

namespace widepipe::schedule {
namespace {

constexpr Seconds kSlo = 0.1;

/// Two models on four devices, planned twice; the second time after something has changed.
struct Watched {
  Cluster cluster = cluster_of(4, 2, kSlo);
  std::vector<StreamState> streams = std::vector<StreamState>(
      2, {.arrivals_per_second = 400, .arrived = 100, .in_time = 1000, .took = 50, .timed = 50});
  std::vector<DeviceState> devices = std::vector<DeviceState>(4);
  Instances instances = Instances(4, {{0, 0, 4}, {1, 0, 4}});
  ServingObservation seen;
  std::uint32_t choice = 0;

  Features after(const std::function<void(Watched&)>& change) {
    FeatureWatch watch;
    watch.look_at(cluster, 4);
    watch.expect(cluster, std::vector<OperatingPoint>(2, {choice, 4, 0}));
    Features features;
    for (const bool changed : {false, true}) {
      if (changed) change(*this);
      seen.now += 0.25;
      seen.period = 0.25;
      seen.cluster = &cluster;
      seen.streams = streams;
      seen.devices = devices;
      seen.instances = instances;
      watch.follow(seen);
      std::vector<OperatingPoint> ways;
      for (const ServedModel& model : cluster.models) {
        ways.push_back({choice, 4, model.costs->at(choice, 4).solo});
      }
      features = watch.features(seen, ways);
    }
    return features;
  }
};

TEST(LearnedFeatures, FollowWhatHappensToAModel) {
  const struct {
    ModelFeature feature;
    std::function<void(Watched&)> change;
    int up;         ///< of model 0: more, 1, or less, -1, than without
    bool of_other;  ///< model 1 sees it, too
  } kCases[] = {
      {kLoad, [](Watched& w) { w.streams[0].arrivals_per_second = 800; }, 1, true},
      {kLoad, [](Watched& w) { w.devices[0].ejected = true; }, 1, true},
      {kLoad, [](Watched& w) { w.devices[0].speed = 0.2; }, 1, true},
      {kPopular, [](Watched& w) { w.streams[0].arrivals_per_second = 800; }, 1, true},
      {kGathers, [](Watched& w) { w.streams[0].arrivals_per_second = 800; }, -1, false},
      {kMisses, [](Watched& w) { w.streams[0].missed = 500; }, 1, true},
      {kSlowness, [](Watched& w) { w.devices[0].speed = 0.2; }, 1, true},
      {kLate, [](Watched& w) { w.seen.travel = 0.01; }, 1, true},
      {kUnsteady, [](Watched& w) { w.seen.unsteady = 0.2; }, 1, true},
      {kSurprise, [](Watched& w) { w.streams[0].took = 75; }, 1, false},
      {kWaiting, [](Watched& w) { w.streams[0].waiting = 40; }, 1, false},
      {kRising, [](Watched& w) { w.streams[0].arrived = 300; }, 1, false},
      {kRising, [](Watched& w) { w.streams[0].arrived = 10; }, -1, false},
      {kLoaded,
       [](Watched& w) {
         w.instances[0].push_back({0, 0, 4});
       },
       1, false},
      {kLoaded, [](Watched& w) { w.instances[0].clear(); }, -1, true},
      {kLoaded, [](Watched& w) { w.devices[0].ejected = true; }, -1, true},
  };
  const Features usual = Watched().after([](Watched&) {});
  for (const auto& c : kCases) {
    const Features now = Watched().after(c.change);
    const double change = now.models[0][c.feature] - usual.models[0][c.feature];
    EXPECT_GT(c.up * change, 0.01) << c.feature;
    EXPECT_EQ(now.models[1][c.feature] != usual.models[1][c.feature], c.of_other) << c.feature;
    for (const ModelFeatures& of : now.models) {
      for (const double value : of) EXPECT_LE(std::abs(value), 1.5) << c.feature;
    }
  }
}

TEST(LearnedFeatures, FollowWhatHappensToAll) {
  const Features usual = Watched().after([](Watched&) {});
  EXPECT_EQ(usual.shared[kChanges], 0);
  const Features other_mix = Watched().after([](Watched& w) {
    w.streams[0].arrived = 190;
    w.streams[1].arrived = 10;
  });
  EXPECT_GT(other_mix.shared[kChanges], 0.5);
  const Features by_chance = Watched().after([](Watched& w) { w.streams[0].arrived = 110; });
  EXPECT_EQ(by_chance.shared[kChanges], 0);
  const Features small = Watched().after([](Watched& w) {
    for (ServingDevice& device : w.cluster.devices) device.memory /= 4;
  });
  EXPECT_GT(small.shared[kMemory], usual.shared[kMemory] + 0.3);
}

TEST(LearnedFeatures, KnowHowManyBatchesRunAtATime) {
  // Of four cores a device, batches take one; or all.
  const struct {
    int devices;
    std::uint32_t choice;
    double expected;
  } kCases[] = {{1, 2, 1}, {4, 2, 1},     {9, 2, 1.0 / 3}, {16, 2, 0},
                {1, 0, 1}, {2, 0, 0.414}, {4, 0, 0},       {400, 0, 0}};
  for (const auto& c : kCases) {
    Watched watched;
    watched.choice = c.choice;
    watched.cluster = cluster_of(c.devices, 2, kSlo);
    watched.devices.resize(static_cast<std::size_t>(c.devices));
    watched.instances.resize(static_cast<std::size_t>(c.devices));
    const Features now = watched.after([](Watched&) {});
    EXPECT_NEAR(now.few, c.expected, 1e-3) << c.devices;
    if (c.devices != 9) continue;
    const Features slow = watched.after([](Watched& w) { w.devices[0].speed = 0.1; });
    EXPECT_EQ(slow.few, now.few) << "that changes nothing";
    const Features fewer = watched.after([](Watched& w) { w.devices[0].ejected = true; });
    EXPECT_GT(fewer.few, now.few);
  }
}

TEST(LearnedFeatures, KnowWhatIsDear) {
  // Model 1 takes twice as long.
  const auto costly = [](const std::function<void(Watched&)>& change) {
    const Features now = Watched().after(change);
    return std::vector<double>{now.models[0][kCostly], now.models[1][kCostly]};
  };
  const std::vector<double> usual = costly([](Watched&) {});
  EXPECT_LT(usual[0], -0.2);
  EXPECT_GT(usual[1], 0.2);
  // Beside the mean of requests, and not of models.
  const std::vector<double> mostly_dear =
      costly([](Watched& w) { w.streams[1].arrivals_per_second = 4000; });
  EXPECT_LT(mostly_dear[0], usual[0] - 0.1);
  EXPECT_NEAR(mostly_dear[1], 0, 0.1);
  // Also before rates are known.
  const std::vector<double> unknown = costly([](Watched& w) {
    for (StreamState& stream : w.streams) stream.arrivals_per_second = 0;
  });
  EXPECT_LT(unknown[0], -0.2);
  EXPECT_GT(unknown[1], 0.2);
}

TEST(LearnedFeatures, KnowWhatBatchesSave) {
  // A sample takes 1 ms, a batch as long again; or nothing beside its samples.
  Watched watched;
  const double saves = watched.after([](Watched&) {}).models[0][kGains];
  Watched no_gain;
  std::vector<NetworkCosts::Cell> cells;
  for (int choice = 0; choice < 3; ++choice) {
    for (int batch = 1; batch <= 8; ++batch) cells.push_back({1e-3 * batch, 0.1});
  }
  no_gain.cluster.models[0].costs =
      std::make_shared<NetworkCosts>("n", std::vector<int>{1, 2, 4}, 8, cells);
  EXPECT_LT(no_gain.after([](Watched&) {}).models[0][kGains], saves - 0.2);
}

}  // namespace
}  // namespace widepipe::schedule
