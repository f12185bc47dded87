// The learned policy around its parameters: greedy without any, and never worse for long.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
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

constexpr Seconds kNoDeadline = std::numeric_limits<Seconds>::infinity();

const npu_model::Profile& npu() {
  static const npu_model::Profile profile = jobs::load_profile("npu");
  return profile;
}

using Closed = std::tuple<Seconds, StreamId, DeviceId, int, int>;

struct Served {
  rl::Measures measures;
  std::vector<Closed> batches;
};

/// Where it differs from what is usual.
struct Elsewhere {
  Seconds delay = 0;
  double jitter = 0.03;
};

Served run(const char* name, const PolicyMaker& policy, double load, Seconds duration = 1.5,
           int devices = 12, const Elsewhere& elsewhere = {}) {
  npu_model::Profile profile = npu();
  profile.device.jitter = elsewhere.jitter;
  const rl::WorkloadSpec workload = jobs::load_workload(name, profile);
  const npu_model::FleetSpec fleet = jobs::load_fleet(workload.fleet, profile);
  rl::SimulationSettings settings{.duration = duration, .devices = devices, .seed = 7};
  if (elsewhere.delay > 0) settings.rounds = {.period = 1e-4, .delay = elsewhere.delay};
  settings.rate = load * bound_of(profile, workload, fleet, settings);
  Served done;
  done.measures =
      simulate(profile, workload, fleet, settings, policy, [&](const ClosedBatch& batch) {
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
std::pair<double, double> means(const LearnedParameters& parameters,
                                const Elsewhere& elsewhere = {}, double load = 0.4) {
  const Served done = run("A5", learned(parameters), load, 1, 12, elsewhere);
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
  smaller.usual.model[kBudget][kOne] = -0.5;
  EXPECT_LT(means(smaller).first, 0.9 * means({}).first);
  LearnedParameters impatient;
  impatient.usual.model[kStretch][kOne] = 3;
  EXPECT_LT(means(impatient).first, 0.9 * means({}).first);
  LearnedParameters sparing;
  sparing.usual.model[kCores][kOne] = 3;
  EXPECT_LT(means(sparing).second, 0.9 * means({}).second) << "cores cost more, bandwidth less";
  LearnedParameters cautious;
  cautious.usual.model[kCaution][kOne] = 1;
  EXPECT_LT(means(cautious, {}, 0.8).first, 0.97 * means({}, {}, 0.8).first);
}

TEST(LearnedPolicy, SaysInItsPlansWhatItsParametersSay) {
  constexpr Seconds kSlo = 0.015;
  Cluster cluster = cluster_of(4, 2, kSlo);
  const std::vector<StreamState> streams(2, {.arrivals_per_second = 300});
  const std::vector<DeviceState> devices(4);
  const auto plan_of = [&](const LearnedParameters& parameters) {
    LearnedPolicy policy(parameters, true);
    ServingPlan plan;
    plan.rules.resize(2);
    plan.instances.resize(4);
    for (int plans = 0; plans < 2; ++plans) {
      policy.plan({.now = 0.25 * plans,
                   .period = 0.25,
                   .cluster = &cluster,
                   .streams = streams,
                   .devices = devices,
                   .instances = plan.instances},
                  plan);
    }
    return plan;
  };
  const ServingPlan usual = plan_of({});
  LearnedParameters parameters;
  parameters.usual.model[kBudget][kOne] = -3;
  EXPECT_LT(plan_of(parameters).rules[0].full, usual.rules[0].full);
  parameters = {};
  parameters.usual.model[kStretch][kOne] = 3;
  EXPECT_LT(plan_of(parameters).rules[0].hold, usual.rules[0].hold);
  parameters = {};
  parameters.usual.model[kLead][kOne] = 0.2;
  EXPECT_NEAR(plan_of(parameters).rules[0].lead, 0.2 * kSlo, 0.05 * kSlo);
  parameters = {};
  parameters.usual.model[kSlow][kOne] = 0.3 / 4;
  EXPECT_NEAR(plan_of(parameters).rules[0].slow, 0.3, 0.01);
  parameters = {};
  parameters.usual.model[kPays][kOne] = 1;
  EXPECT_LT(plan_of(parameters).rules[0].full, usual.rules[0].full);
  parameters = {};
  parameters.usual.shared[kIdle][kAlways] = -1;
  EXPECT_LT(plan_of(parameters).rules[0].idle_share, 0.6 * usual.rules[0].idle_share);
  parameters = {};
  parameters.usual.shared[kPace][kAlways] = -5;
  EXPECT_NEAR(plan_of(parameters).period, 0.05, 0.001);
  parameters.usual.shared[kPace][kAlways] = 5;
  EXPECT_EQ(plan_of(parameters).period, kUsualPlanPeriod);
  parameters = {};
  parameters.usual.model[kSlow][kOne] = 1;
  parameters.usual.model[kLead][kOne] = 1;
  for (RequestStream& stream : cluster.streams) stream.slo = kNoDeadline;
  const StreamRule of_data_set = plan_of(parameters).rules[0];
  EXPECT_EQ(of_data_set.slow, 0);
  EXPECT_EQ(of_data_set.lead, 0);
}

TEST(LearnedPolicy, EachOfItsDialsMakesADifference) {
  constexpr double kMuch = 0.9;
  const auto batches = [](const char* workload, const LearnedParameters& parameters) {
    return run(workload, learned(parameters, false), kMuch, 1.3, 24).batches;
  };
  const auto a5 = batches("A5", {});
  const auto g = batches("G", {});
  for (std::size_t head = 0; head < kModelHeads; ++head) {
    LearnedParameters parameters;
    parameters.usual.model[head][kPopular] = 1;  // more of some, less of others
    const bool of_packing = head == kWanted || head == kSpare;
    EXPECT_TRUE(of_packing ? batches("G", parameters) != g : batches("A5", parameters) != a5)
        << head;
  }
  for (std::size_t head = 0; head < kSharedHeads; ++head) {
    LearnedParameters parameters;
    parameters.usual.shared[head][kAlways] = head == kCopies ? 1 : -1;
    const bool of_packing = head > kPace;  // A5 needs none
    EXPECT_EQ(batches("A5", parameters) != a5, !of_packing) << head;
    EXPECT_TRUE(!of_packing || batches("G", parameters) != g) << head;
  }
}

TEST(LearnedPolicy, IsAnotherOneWhereFewBatchesRunAtATime) {
  LearnedParameters smaller;
  smaller.few.model[kBudget][kOne] = -0.5;
  constexpr double kLoad = 0.3;
  const auto batches = [](const LearnedParameters& parameters, int devices) {
    return run("A5", learned(parameters), kLoad, 1.5, devices).batches;
  };
  EXPECT_NE(batches(smaller, 1), batches({}, 1));
  EXPECT_EQ(batches(smaller, 24), batches({}, 24));
}

TEST(LearnedPolicy, SeesHowLateNewsIsAndHowMuchTimesVary) {
  const struct {
    ModelFeature feature;
    Elsewhere elsewhere;
  } kCases[] = {{kLate, {.delay = 0.0003}}, {kUnsteady, {.jitter = 0.3}}};
  for (const auto& c : kCases) {
    LearnedParameters smaller;
    smaller.usual.model[kBudget][c.feature] = -2;
    constexpr double kLoad = 0.6;
    EXPECT_LT(means(smaller, c.elsewhere, kLoad).first, 0.9 * means({}, c.elsewhere, kLoad).first)
        << c.feature;
    EXPECT_GT(means(smaller, {}, kLoad).first, 0.95 * means({}, {}, kLoad).first)
        << c.feature << ": as usual";
  }
}

/// Batches of one: at this load most requests would miss.
LearnedParameters saboteur() {
  LearnedParameters parameters;
  parameters.usual.model[kBudget][kOne] = -5;
  parameters.usual.model[kSpare][kOne] = -5;
  parameters.usual.model[kCaution][kOne] = 5;
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
  const LearnedParameters begin;
  const auto result = std::make_shared<OnlineResult>();
  const Served done = run("A5", learning(begin, result), 0.72, 120, 24);
  EXPECT_EQ(done.measures.fallbacks, 0);
  EXPECT_EQ(done.measures.policy_steps, result->steps);
  EXPECT_GE(result->steps, 30);
  EXPECT_NE(result->parameters.values(), begin.values());
  LearnedParameters expected = begin;  // nothing but what dials are where features are 0
  for (std::size_t head = 0; head < kModelHeads; ++head) {
    const double now = result->parameters.usual.model[head][kOne];
    const double by = kModelDials[head].unit * std::abs(now - expected.usual.model[head][kOne]);
    EXPECT_LE(by, OnlineSettings().reach + 1e-12) << kModelDials[head].name;
    expected.usual.model[head][kOne] = now;
  }
  for (std::size_t head = 0; head < kSharedHeads; ++head) {
    const double now = result->parameters.usual.shared[head][kAlways];
    const double by = kSharedDials[head].unit * std::abs(now);
    EXPECT_LE(by, OnlineSettings().reach + 1e-12) << kSharedDials[head].name;
    expected.usual.shared[head][kAlways] = now;
  }
  EXPECT_EQ(result->parameters.values(), expected.values());
}

TEST(LearnedPolicy, WhatWasLearnedIsForgottenWhereItsGuardFallsBack) {
  const Cluster cluster = cluster_of(2, 2, 0.02);
  LearnedParameters origin;
  origin.usual.model[kBudget][kTight] = 0.1;
  const auto result = std::make_shared<OnlineResult>();
  LearnedPolicy policy(origin, true, result);
  ServingPlan plan;
  plan.rules.resize(cluster.streams.size());
  plan.instances.resize(cluster.devices.size());
  const std::vector<DeviceState> devices(cluster.devices.size());
  Seconds now = 0;
  const auto serve = [&](Seconds until, const std::function<double()>& missed) {
    for (; now < until; now += 0.25) {
      std::vector<StreamState> streams(cluster.streams.size());
      for (StreamState& stream : streams) {
        stream.arrivals_per_second = 4000;
        stream.missed = static_cast<std::int64_t>(1000 * missed());
        stream.in_time = 1000 - stream.missed;
      }
      policy.plan(
          {.now = now, .period = 0.25, .cluster = &cluster, .streams = streams, .devices = devices},
          plan);
    }
  };
  const auto all = [](double missed) { return [=] { return missed; }; };
  serve(0.1, all(0));
  // Less is missed where requests are held back for longer, and too little for the guard to look.
  const Seconds hold = plan.rules[0].hold;
  serve(90, [&] { return plan.rules[0].hold > hold ? 0.01 : 0.03; });
  EXPECT_GT(result->steps, 20);
  EXPECT_LT(result->parameters.usual.model[kStretch][kOne], 0);
  while (policy.counts().comparisons == 0) serve(now + 0.1, all(0.5));
  serve(now + 1.5, all(0));
  for (int i = 0; i < 10 && policy.counts().fallbacks == 0; ++i) serve(now + 0.1, all(0.5));
  EXPECT_EQ(policy.counts().fallbacks, 1);
  serve(now + 0.1, all(0));
  EXPECT_EQ(result->steps, 0);
  EXPECT_EQ(result->parameters.values(), origin.values());
}

TEST(LearnedPolicy, NumbersThatAreNoneLeadToGreedyAtOnce) {
  const Served greedy = run(
      "A5", [] { return make_greedy_policy(); }, 0.6, 0.5);
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  std::vector<LearnedParameters> bad(OnlineLearning::kNumbers + 1);
  bad.back().few.model[kBudget][kOne] = kNone;  // wherever it serves
  for (std::size_t head = 0; head < kModelHeads; ++head)
    bad[head].usual.model[head][kTight] = kNone;
  for (std::size_t head = 0; head < kSharedHeads; ++head) {
    bad[std::size_t{kModelHeads} + head].usual.shared[head][kAllLoad] = kNone;
  }
  for (const LearnedParameters& parameters : bad) {
    const Served done = run("A5", learned(parameters), 0.6, 0.5);
    EXPECT_EQ(done.batches, greedy.batches) << &parameters - bad.data();
    EXPECT_EQ(done.measures.fallbacks, 1) << &parameters - bad.data();
  }
}

TEST(LearnedParameters, AddWhatIsForFewBatches) {
  LearnedParameters parameters;
  parameters.usual.model[kPays][kGains] = 2;
  parameters.few.model[kPays][kGains] = -1;
  parameters.few.shared[kStay][kChanges] = 4;
  const DialWeights between = parameters.at(0.25);
  EXPECT_EQ(between.model[kPays][kGains], 1.75);
  EXPECT_EQ(between.shared[kStay][kChanges], 1);
  EXPECT_EQ(parameters.at(0).model, parameters.usual.model);
  EXPECT_EQ(parameters.at(0).shared, parameters.usual.shared);
}

TEST(LearnedParameters, AreTheSameAsValues) {
  std::vector<double> values;
  for (std::size_t i = 0; i < LearnedParameters::kCount; ++i) values.push_back(0.5 * (1.0 + i));
  EXPECT_EQ(LearnedParameters::of(values).values(), values);
  EXPECT_EQ(LearnedParameters::of(values).usual.model[0][1], 1);
  EXPECT_EQ(LearnedParameters::of(values).few.model[0][0], 0.5 * (1.0 + DialWeights::kCount));
  values.pop_back();
  EXPECT_THROW(LearnedParameters::of(values), std::invalid_argument);
}

}  // namespace
}  // namespace widepipe::schedule
