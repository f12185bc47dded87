// The learned policy around its parameters: greedy without any, and never worse for long.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <tuple>
#include <vector>

#include "jobs/profile_file.h"
#include "jobs/workload_file.h"
#include "rl/simulator.h"
#include "schedule/greedy_policy.h"
#include "schedule/learned_policy.h"
#include "tests/unit/request_fixture.h"

namespace widepipe::schedule {
namespace {

const npu_model::Profile& npu() {
  static const npu_model::Profile profile = jobs::load_profile("npu");
  return profile;
}

using Closed = std::tuple<Seconds, StreamId, DeviceId, int, int>;

struct Served {
  rl::Measures measures;
  std::vector<Closed> batches;
};

Served run(const char* name, const PolicyMaker& policy, double load, Seconds duration = 1.5,
           int devices = 12) {
  const rl::WorkloadSpec workload = jobs::load_workload(name, npu());
  const npu_model::FleetSpec fleet = jobs::load_fleet(workload.fleet, npu());
  rl::SimulationSettings settings{.duration = duration, .devices = devices, .seed = 7};
  settings.rate = load * bound_of(npu(), workload, fleet, settings);
  Served done;
  done.measures = simulate(npu(), workload, fleet, settings, policy, [&](const ClosedBatch& batch) {
    done.batches.emplace_back(batch.at, batch.stream, batch.device, batch.cores, batch.size);
  });
  return done;
}

PolicyMaker learned(const LearnedParameters& parameters, bool guarded = true) {
  return [=] { return std::make_unique<LearnedPolicy>(parameters, guarded); };
}

TEST(LearnedPolicy, WithoutParametersIsGreedy) {
  for (const char* workload : {"A5", "F", "G", "bulk"}) {
    const Served greedy = run(
        workload, [] { return make_greedy_policy(); }, 0.25);
    const Served zero = run(workload, learned({}), 0.25);
    ASSERT_GT(greedy.batches.size(), 100U);
    EXPECT_EQ(greedy.batches, zero.batches) << workload;
  }
}

/// Means over batches: requests, and cores.
std::pair<double, double> means(const LearnedParameters& parameters) {
  const Served done = run("A5", learned(parameters), 0.4, 1);
  double requests = 0;
  double cores = 0;
  for (const auto& [at, stream, device, on, size] : done.batches) {
    requests += size;
    cores += on;
  }
  const auto count = static_cast<double>(done.batches.size());
  return {requests / count, cores / count};
}

TEST(LearnedPolicy, FollowsItsParameters) {
  LearnedParameters smaller;
  smaller.model[kBudget][kOne] = -0.5;
  EXPECT_LT(means(smaller).first, 0.9 * means({}).first);
  LearnedParameters impatient;
  impatient.model[kStretch][kOne] = 3;
  EXPECT_LT(means(impatient).first, 0.9 * means({}).first);
  LearnedParameters sparing;
  sparing.model[kCores][kOne] = 3;
  EXPECT_LT(means(sparing).second, 0.9 * means({}).second) << "cores cost more, bandwidth less";
}

/// Batches of one: at this load most requests would miss.
LearnedParameters saboteur() {
  LearnedParameters parameters;
  parameters.model[kBudget][kOne] = -5;
  parameters.model[kSpare][kOne] = -5;
  parameters.shared[kCaution][kAlways] = 5;
  return parameters;
}

TEST(LearnedPolicy, ASaboteurIsFoundOutAndGreedyDecides) {
  constexpr double kLoad = 0.5;
  constexpr Seconds kLong = 12;
  const Served greedy = run(
      "A5", [] { return make_greedy_policy(); }, kLoad, kLong, 6);
  const Served alone = run("A5", learned(saboteur(), false), kLoad, kLong, 6);
  const Served guarded = run("A5", learned(saboteur()), kLoad, kLong, 6);
  ASSERT_GT(greedy.measures.all().attainment(), 0.98);
  ASSERT_LT(alone.measures.all().attainment(), 0.8) << "or it does no harm";
  EXPECT_EQ(alone.measures.fallbacks, 0);
  EXPECT_GE(guarded.measures.comparisons, 1);
  EXPECT_EQ(guarded.measures.fallbacks, 1);
  EXPECT_GT(guarded.measures.fallback_seconds, 0.7 * kLong);
  EXPECT_GT(guarded.measures.all().attainment(), alone.measures.all().attainment() + 0.1);
}

PolicyMaker learning(const LearnedParameters& parameters,
                     const std::shared_ptr<OnlineResult>& result) {
  return [=] { return std::make_unique<LearnedPolicy>(parameters, true, result); };
}

TEST(LearnedPolicy, GoesOnLearningWithinBounds) {
  // Held back for too short a time: small batches. At .6, or a little more or less, that may be so
  // much worse than greedy that the guard takes over.
  LearnedParameters impatient;
  impatient.model[kStretch][kOne] = 0.3;
  const auto result = std::make_shared<OnlineResult>();
  const Served done = run("A5", learning(impatient, result), 0.55, 30, 24);
  EXPECT_EQ(done.measures.policy_steps, result->steps);
  EXPECT_GE(result->steps, 6);
  const std::vector<double> before = impatient.values();
  const std::vector<double> after = result->parameters.values();
  std::size_t moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_LE(std::abs(after[i] - before[i]), OnlineSettings().reach + 1e-12);
    moved += after[i] != before[i] ? 1 : 0;
  }
  EXPECT_EQ(moved, OnlineLearning::kNumbers);
}

TEST(LearnedPolicy, WhatWasLearnedIsForgottenWhereItsGuardFallsBack) {
  const Cluster cluster = cluster_of(2, 2, 0.02);
  LearnedParameters origin;
  origin.model[kBudget][kTight] = 0.1;
  const auto result = std::make_shared<OnlineResult>();
  LearnedPolicy policy(origin, true, result);
  ServingPlan plan;
  plan.rules.resize(cluster.streams.size());
  plan.instances.resize(cluster.devices.size());
  const std::vector<DeviceState> devices(cluster.devices.size());
  Seconds now = 0;
  const auto serve = [&](Seconds until, double missed) {
    for (; now < until; now += 0.25) {
      std::vector<StreamState> streams(cluster.streams.size());
      for (StreamState& stream : streams) {
        stream.arrivals_per_second = 4000;
        stream.missed = static_cast<std::int64_t>(1000 * missed);
        stream.in_time = 1000 - stream.missed;
      }
      policy.plan({now, &cluster, streams, devices}, plan);
    }
  };
  // What is missed varies while too little is missed for the guard to look.
  for (int i = 1; i <= 20; ++i) serve(1.5 * i, i % 2 == 0 ? 0.01 : 0.03);
  EXPECT_GT(result->steps, 5);
  EXPECT_NE(result->parameters.values(), origin.values());
  while (policy.counts().comparisons == 0) serve(now + 0.1, 0.5);
  serve(now + 1.5, 0);
  for (int i = 0; i < 10 && policy.counts().fallbacks == 0; ++i) serve(now + 0.1, 0.5);
  EXPECT_EQ(policy.counts().fallbacks, 1);
  serve(now + 0.1, 0);
  EXPECT_EQ(result->steps, 0);
  EXPECT_EQ(result->parameters.values(), origin.values());
}

TEST(LearnedPolicy, NumbersThatAreNoneLeadToGreedyAtOnce) {
  const Served greedy = run(
      "A5", [] { return make_greedy_policy(); }, 0.6);
  LearnedParameters parameters;
  parameters.model[kWanted][kTight] = std::numeric_limits<double>::quiet_NaN();
  const Served done = run("A5", learned(parameters), 0.6);
  EXPECT_EQ(done.batches, greedy.batches);
  EXPECT_EQ(done.measures.fallbacks, 1);
}

TEST(LearnedParameters, AreTheSameAsValues) {
  std::vector<double> values;
  for (std::size_t i = 0; i < LearnedParameters::kCount; ++i) values.push_back(0.5 * (1.0 + i));
  EXPECT_EQ(LearnedParameters::of(values).values(), values);
  EXPECT_EQ(LearnedParameters::of(values).model[0][1], 1);
  values.pop_back();
  EXPECT_THROW(LearnedParameters::of(values), std::invalid_argument);
}

}  // namespace
}  // namespace widepipe::schedule
