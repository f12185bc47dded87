// The best that anybody could do on one device, and how far policies are from it.

#include "exact_optimum.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <random>

#include "jobs/profile_file.h"
#include "jobs/simulated_policies.h"
#include "rl/emulated_fleet.h"
#include "rl/simulator.h"
#include "schedule/greedy_policy.h"

namespace widepipe {
namespace {

/// All that can be done, tried: any requests that are left, of one model, as the next batch.
std::size_t most_served(const std::vector<OptimumModel>& models, std::vector<unsigned> left,
                        double free) {
  std::size_t most = 0;
  for (std::size_t m = 0; m < models.size(); ++m) {
    const OptimumModel& model = models[m];
    for (unsigned batch = left[m]; batch != 0; batch = (batch - 1) & left[m]) {
      const auto size = static_cast<std::size_t>(std::popcount(batch));
      if (size > model.batch_times.size()) continue;
      const auto first = static_cast<std::size_t>(std::countr_zero(batch));
      const auto last = static_cast<std::size_t>(std::bit_width(batch) - 1);
      const double end = std::max(free, model.arrivals[last]) + model.batch_times[size - 1];
      if (end > model.arrivals[first] + model.slo) continue;
      std::vector<unsigned> then = left;
      then[m] &= ~batch;
      most = std::max(most, size + most_served(models, then, end));
    }
  }
  return most;
}

TEST(ExactOptimum, IsWhatTryingAllThatCanBeDoneFinds) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> uniform;
  int given_up = 0;
  for (int round = 0; round < 60; ++round) {
    const int count = 1 + round % 2;
    std::vector<OptimumModel> models(static_cast<std::size_t>(count));
    std::vector<unsigned> all;
    for (OptimumModel& model : models) {
      for (int i = 0; i < (count == 1 ? 8 : 4); ++i) model.arrivals.push_back(8 * uniform(random));
      std::sort(model.arrivals.begin(), model.arrivals.end());
      model.slo = 1 + 3 * uniform(random);
      for (int size = 1; size <= 3; ++size) {
        model.batch_times.push_back((size == 1 ? 0.5 : model.batch_times.back()) + uniform(random));
      }
      all.push_back((1U << model.arrivals.size()) - 1);
    }
    const std::size_t found = served_by(exact_optimum(models));
    ASSERT_EQ(found, most_served(models, all, 0)) << "round " << round;
    given_up += found < 8 ? 1 : 0;
  }
  EXPECT_GT(given_up, 20) << "or it is too easy";
}

/// An NPU that runs one batch at a time, for just as long as the equations say.
npu_model::Profile one_batch_npu() {
  npu_model::Profile profile = jobs::load_profile("npu");
  profile.device.core_choices = {profile.device.cores};
  profile.device.max_batch = 8;
  profile.device.jitter = 0;
  return profile;
}

struct Case {
  std::vector<std::string> networks;
  double load;    ///< by the bound
  double greedy;  ///< what it reaches of the optimum, at least
};

class OneDevice : public testing::TestWithParam<Case> {
 protected:
  OneDevice() {
    workload_.name = "oracle";
    workload_.networks = GetParam().networks;
    workload_.slo_factors = {3};
    settings_.duration = 0.04;
    settings_.devices = 1;
    settings_.rate = GetParam().load * bound_of(profile_, workload_, fleet_, settings_);
  }

  /// What arrives in a run, as the scheduler hears of it.
  std::vector<OptimumModel> arrivals() const {
    const schedule::Cluster cluster =
        make_cluster(profile_, streams_of_run(profile_, workload_, settings_),
                     fleet_of_run(profile_, fleet_, settings_));
    std::vector<rl::SchedulerCall> calls;
    simulate(
        profile_, workload_, fleet_, settings_, [] { return schedule::make_greedy_policy(); }, {},
        &calls);
    std::vector<OptimumModel> models;
    for (const schedule::RequestStream& stream : cluster.streams) {
      OptimumModel& model = models.emplace_back();
      model.slo = stream.slo;
      const schedule::NetworkCosts& costs = *cluster.models[stream.model].costs;
      for (int batch = 1; batch <= costs.max_batch(); ++batch) {
        const auto& cell = costs.at(0, batch);
        model.batch_times.push_back(cell.solo / schedule::shared_rate(1, cell.demand));
      }
    }
    for (const rl::SchedulerCall& call : calls) {
      if (call.kind == rl::SchedulerCall::Kind::kAdd) {
        models[call.place].arrivals.push_back(call.at);
      }
    }
    return models;
  }

  const npu_model::Profile profile_ = one_batch_npu();
  const npu_model::FleetSpec fleet_ = jobs::load_fleet("nominal", profile_);
  rl::WorkloadSpec workload_;
  rl::SimulationSettings settings_;
};

TEST_P(OneDevice, EmulatedTakesTheTimesOfTheOptimum) {
  const npu_model::Fleet fleet = fleet_of_run(profile_, fleet_, settings_);
  const auto streams = streams_of_run(profile_, workload_, settings_);
  const schedule::Cluster cluster = make_cluster(profile_, streams, fleet);
  std::vector<int> networks;
  for (const rl::WorkloadStream& stream : streams) networks.push_back(stream.network);
  rl::EmulatedFleet device(profile_, fleet, cluster, networks, 1);
  for (schedule::InstanceId id = 0; id < networks.size(); ++id) {
    device.equip(0, id, {id, 0, profile_.device.max_batch});
  }
  const std::vector<OptimumBatch> batches = exact_optimum(arrivals());
  ASSERT_GT(batches.size(), 5U);
  for (const OptimumBatch& batch : batches) {
    const auto model = static_cast<schedule::ModelId>(batch.model);
    device.accept({.device = 0,
                   .instance = model,
                   .spec = {model, 0, profile_.device.max_batch},
                   .batch = 1,
                   .stream = model,
                   .size = static_cast<int>(batch.size)},
                  batch.start);
    EXPECT_NEAR(device.next_time(), batch.end, 1e-9);
    device.take_next(batch.end);
  }
}

TEST_P(OneDevice, NoPolicyBeatsTheOptimumAndGreedyIsNear) {
  double optimum = 0;
  double greedy = 0;
  jobs::PolicyTuner tuner(profile_, 12);
  for (settings_.seed = 1; settings_.seed <= 8; ++settings_.seed) {
    const auto best = static_cast<std::int64_t>(served_by(exact_optimum(arrivals())));
    optimum += static_cast<double>(best);
    for (const jobs::SimulatedPolicy& policy : jobs::simulated_policies()) {
      rl::SimulationSettings settings = settings_;
      policy.set(settings);
      const rl::Measures measures = simulate(profile_, workload_, fleet_, settings,
                                             tuner.maker(policy, workload_, fleet_, "", settings));
      EXPECT_LE(measures.all().in_time, best) << policy.name << ", seed " << settings_.seed;
      if (policy.name == "greedy") greedy += static_cast<double>(measures.all().in_time);
    }
  }
  RecordProperty("greedy_by_optimum", fmt::format("{:.3f}", greedy / optimum));
  EXPECT_GT(greedy, GetParam().greedy * optimum) << greedy / optimum;
}

INSTANTIATE_TEST_SUITE_P(Loads, OneDevice,
                         testing::Values(Case{{"resnet50"}, 0.5, 0.9},
                                         Case{{"resnet50"}, 1.2, 0.85}, Case{{"vgg16"}, 0.9, 0.8},
                                         Case{{"mobilenet"}, 0.8, 0.9},
                                         Case{{"resnet50", "mobilenet"}, 0.5, 0.9},
                                         Case{{"resnet50", "mobilenet"}, 1.0, 0.75}),
                         [](const auto& param) {
                           std::string name;
                           for (const std::string& network : param.param.networks) name += network;
                           return fmt::format("{}{:.0f}", name, 100 * param.param.load);
                         });

}  // namespace
}  // namespace widepipe
