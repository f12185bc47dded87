// The simulator around the scheduler that runs live.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "jobs/profile_file.h"
#include "jobs/simulated_policies.h"
#include "jobs/workload_file.h"
#include "rl/goodput.h"
#include "rl/simulator.h"
#include "rl/tuners.h"
#include "schedule/greedy_policy.h"

namespace widepipe::rl {
namespace {

const npu_model::Profile& npu() {
  static const npu_model::Profile profile = jobs::load_profile("npu");
  return profile;
}

std::unique_ptr<schedule::RequestPolicy> greedy() { return schedule::make_greedy_policy(); }

Measures run(const WorkloadSpec& workload, const std::string& fleet, SimulationSettings settings,
             const BatchLog& log = {}) {
  return simulate(npu(), workload, jobs::load_fleet(fleet, npu()), settings, greedy, log);
}

TEST(Simulator, ALoneRequestTakesAsLongAsItsBatchAndItsWaitForOthers) {
  WorkloadSpec workload = jobs::load_workload("A5", npu());
  workload.networks = {"vgg16"};
  npu_model::Profile profile = npu();
  profile.device.jitter = 0;
  std::vector<schedule::ClosedBatch> batches;
  const auto run = [&](double idle_share) {
    batches.clear();
    return simulate(
        profile, workload, jobs::load_fleet("nominal", profile),
        {.duration = 50, .rate = 2, .devices = 1},
        [&] { return schedule::make_greedy_policy({.idle_share = idle_share}); },
        [&](const schedule::ClosedBatch& batch) { batches.push_back(batch); });
  };
  const Measures measures = run(1);
  ASSERT_GT(measures.streams[0].offered, 50);
  EXPECT_EQ(measures.all().attainment(), 1);
  for (const schedule::ClosedBatch& batch : batches) {
    if (batch.size > 1) continue;
    EXPECT_EQ(batch.reason, schedule::CloseReason::kTimeout);
    EXPECT_GT(batch.head_slack, batch.expected) << "in time, and no later than that";
    EXPECT_EQ(batch.demand, 0);
  }
  // Held back for others until its own time is needed, at most the SLO of 16 ms.
  EXPECT_LT(measures.all().latency.percentile(1), 0.0162);
  EXPECT_GT(measures.all().latency.percentile(0.5), 0.004);
  // Not held back where the device has nothing else to do.
  const Measures at_once = run(0.25);
  EXPECT_EQ(batches.front().reason, schedule::CloseReason::kIdle);
  EXPECT_NEAR(at_once.all().latency.percentile(0.5), batches.front().expected, 1e-4);
}

TEST(Simulator, TheSameSeedTheSameRun) {
  for (const char* name : {"A5", "D", "E", "F", "G"}) {
    const WorkloadSpec workload = jobs::load_workload(name, npu());
    std::vector<std::vector<double>> logs;
    for (const std::uint64_t seed : {7, 7, 8}) {
      std::vector<double>& log = logs.emplace_back();
      run(workload, workload.fleet, {.duration = 0.5, .rate = 10'000, .devices = 8, .seed = seed},
          [&](const schedule::ClosedBatch& batch) {
            log.insert(log.end(), {batch.at, static_cast<double>(batch.batch),
                                   static_cast<double>(batch.size), batch.expected, batch.speed});
          });
    }
    EXPECT_GT(logs[0].size(), 100U);
    EXPECT_EQ(logs[0], logs[1]) << name;
    EXPECT_NE(logs[0], logs[2]) << name;
  }
}

TEST(Simulator, EveryRequestEndsOnceUnderFaultsAndRounds) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    const auto share = [&] { return std::uniform_real_distribution<double>()(random); };
    const char* const names[] = {"A3", "A10", "D", "E", "F", "G"};
    const WorkloadSpec workload = jobs::load_workload(names[random() % 6], npu());
    npu_model::FleetSpec fleet = jobs::load_fleet(random() % 2 == 0 ? "troubled" : "small", npu());
    fleet.random = {.mean_between = 0.3 + share(), .mean_until_over = 0.2, .fail_share = share()};
    SimulationSettings settings{.duration = 1,
                                .rate = 20'000 * share(),
                                .devices = 1 + static_cast<int>(random() % 10),
                                .seed = seed};
    if (random() % 2 == 0) settings.rounds = {0.002 * share(), 0.001 * share()};
    settings.true_speeds = random() % 3 == 0;
    const Measures measures = simulate(npu(), workload, fleet, settings, greedy);
    const StreamMeasures all = measures.all();
    EXPECT_EQ(all.offered, all.in_time + all.late + all.dropped + all.unfinished) << seed;
    EXPECT_GE(all.unfinished, 0) << seed;
    EXPECT_EQ(all.latency.count(), all.in_time + all.late) << seed;
    EXPECT_LE(measures.busy_core_seconds, measures.core_seconds) << seed;
    EXPECT_EQ(measures.vetoed, 0) << seed;
  }
}

TEST(Simulator, ActsInEachRoundHoweverItsTimeIsRounded) {
  // Periods whose multiples, divided by them, are often more than whole numbers.
  for (const double period : {0.0003185, 0.00031, 0.0007, 0.00123}) {
    SimulationSettings settings{.duration = 0.4, .rate = 600'000, .devices = 400, .seed = 3};
    settings.rounds = {.period = period, .delay = 0.0002};
    Seconds last = 0;
    Seconds longest = 0;
    run(jobs::load_workload("A5", npu()), "nominal", settings,
        [&](const schedule::ClosedBatch& batch) {
          longest = std::max(longest, batch.at - last);
          last = batch.at;
        });
    EXPECT_LT(longest, 2.5 * period) << period;
  }
}

TEST(Simulator, TellsHowLongBatchesAreOnTheirWay) {
  const WorkloadSpec workload = jobs::load_workload("A5", npu());
  const auto travel = [&](const RoundModel& rounds) {
    return run(workload, "nominal", {.duration = 1, .rate = 2'000, .devices = 8, .rounds = rounds})
        .travel;
  };
  EXPECT_LT(travel({}), 1e-9);
  EXPECT_NEAR(travel({.delay = 0.0005}), 0.001, 1e-5) << "there and back";
  EXPECT_NEAR(travel({.period = 0.002}), 0.001, 2e-4) << "half a period, until rank 0 looks";
  EXPECT_NEAR(travel({.period = 0.002, .delay = 0.0005}), 0.002, 2e-4);
}

TEST(Simulator, TellsHowMuchLongerThanAloneBatchesTake) {
  npu_model::Profile profile = npu();
  profile.device.jitter = 0;
  const WorkloadSpec workload = jobs::load_workload("A10", npu());
  npu_model::FleetSpec fleet = jobs::load_fleet("nominal", npu());
  for (const double speed : {1.0, 0.5}) {
    fleet.classes[0].speed = speed;
    // So few that they have no neighbours.
    const Measures measures =
        simulate(profile, workload, fleet, {.duration = 1, .rate = 50, .devices = 8}, greedy);
    EXPECT_GE(measures.stretch, 1 / speed);
    EXPECT_LT(measures.stretch, 1.3 / speed) << "a batch takes some bandwidth itself";
  }
}

TEST(Simulator, FarAboveCapacityItShedsAndStaysBusy) {
  const WorkloadSpec workload = jobs::load_workload("A5", npu());
  const npu_model::FleetSpec fleet = jobs::load_fleet("nominal", npu());
  SimulationSettings settings{.duration = 3, .devices = 32};
  const double bound = bound_of(npu(), workload, fleet, settings);
  for (const double load : {1.5, 4.0, 20.0}) {
    settings.rate = load * bound;
    const Measures measures = simulate(npu(), workload, fleet, settings, greedy);
    // It may exceed the bound, which is for the mix that is offered: cheap requests get through.
    EXPECT_GT(measures.goodput(), 0.4 * bound) << load;
  }
}

/// An independent study has greedy at .91 to .93 of the bound; jitter alone takes 3 %.
TEST(Simulator, ADataSetIsDoneInAboutTheTimeOfTheBoundWhateverFails) {
  const WorkloadSpec workload = jobs::load_workload("bulk", npu());
  for (const auto& [fleet_name, least] : {std::pair("nominal", 0.92), std::pair("troubled", 0.8)}) {
    const npu_model::FleetSpec fleet = jobs::load_fleet(fleet_name, npu());
    const SimulationSettings settings{.duration = 4, .devices = 20};
    const Goodput found = find_goodput(npu(), workload, fleet, settings, greedy);
    EXPECT_GT(found.share(), least) << fleet_name;
    EXPECT_LT(found.share(), 1) << fleet_name;
    const StreamMeasures all = found.measures.all();
    EXPECT_EQ(all.offered, std::llround(4 * found.bound)) << fleet_name;
    EXPECT_EQ(all.in_time, all.offered) << fleet_name;
    EXPECT_GT(found.measures.bandwidth_seconds, 0.5 * found.measures.device_seconds);
    EXPECT_LT(found.measures.bandwidth_seconds, found.measures.device_seconds);
  }
}

TEST(Simulator, AFailedFleetAnswersAgainOnceItHasRecovered) {
  const WorkloadSpec workload = jobs::load_workload("A10", npu());
  npu_model::FleetSpec fleet = jobs::load_fleet("nominal", npu());
  using Kind = npu_model::FleetEvent::Kind;
  fleet.events = {{.kind = Kind::kTrouble, .at = 0.25, .share = 1, .devices = {}},
                  {.kind = Kind::kRecover, .at = 0.5, .share = 1, .devices = {}}};
  std::vector<schedule::ClosedBatch> late;
  const Measures measures =
      simulate(npu(), workload, fleet, {.duration = 8, .rate = 2000, .devices = 4}, greedy,
               [&](const schedule::ClosedBatch& batch) {
                 if (batch.at > 7) late.push_back(batch);
               });
  EXPECT_EQ(measures.ejections, 4);
  EXPECT_EQ(measures.readmissions, 4);
  EXPECT_GT(late.size(), 100U);
  EXPECT_GT(measures.all().attainment(), 0.5);
  EXPECT_LT(measures.all().attainment(), 0.8);
}

TEST(Simulator, TroubleOfEverySortLosesNothing) {
  const WorkloadSpec workload = jobs::load_workload("bulk", npu());
  for (const auto trouble : {npu_model::Trouble::kGone, npu_model::Trouble::kHangs,
                             npu_model::Trouble::kFails, npu_model::Trouble::kWrong}) {
    const auto sort = static_cast<int>(trouble);
    npu_model::FleetSpec fleet = jobs::load_fleet("nominal", npu());
    fleet.events = {
        {.trouble = trouble, .at = 0.2, .share = 0.25, .devices = {}},
        {.kind = npu_model::FleetEvent::Kind::kRecover, .at = 0.6, .share = 1, .devices = {}}};
    std::map<schedule::DeviceId, Seconds> last;
    const Measures measures =
        simulate(npu(), workload, fleet, {.duration = 4, .rate = 8'000, .devices = 4}, greedy,
                 [&](const schedule::ClosedBatch& batch) { last[batch.device] = batch.at; });
    const StreamMeasures rows = measures.all();
    EXPECT_EQ(rows.in_time, rows.offered) << sort;
    EXPECT_EQ(measures.ejections, 1) << sort;
    EXPECT_EQ(measures.readmissions, 1) << sort;
    EXPECT_GT(measures.dispatched_again, 0) << sort;
    ASSERT_EQ(last.size(), 4U) << sort;
    for (const auto& [device, at] : last) {
      EXPECT_GT(at, 2.4) << sort << ": device " << device << " works again";
    }
  }
}

TEST(Simulator, WhatStillWaitsForAFailedFleetIsUnfinished) {
  npu_model::FleetSpec fleet = jobs::load_fleet("nominal", npu());
  fleet.events = {{.at = 0.25, .share = 1, .devices = {}}};
  // Without deadlines nothing is given up.
  const StreamMeasures rows = simulate(npu(), jobs::load_workload("bulk", npu()), fleet,
                                       {.duration = 1, .rate = 20'000, .devices = 4}, greedy)
                                  .all();
  EXPECT_EQ(rows.offered, 20'000);
  EXPECT_GT(rows.in_time, 0);
  EXPECT_EQ(rows.dropped, 0);
  EXPECT_EQ(rows.unfinished, rows.offered - rows.in_time);
}

/// An independent simulator of the same NPU gives .573, .699 and .813 for a greedy policy on 32
/// devices, and .746 on 100 (docs/performance.md).
TEST(Goodput, OfGreedyAgreesWithAnIndependentStudy) {
  const struct {
    const char* workload;
    int devices;
    double share;
  } kCases[] = {{"A3", 32, 0.573}, {"A5", 32, 0.699}, {"A10", 32, 0.813}, {"A5", 100, 0.746}};
  for (const auto& c : kCases) {
    const WorkloadSpec workload = jobs::load_workload(c.workload, npu());
    const Goodput found = find_goodput(npu(), workload, jobs::load_fleet("nominal", npu()),
                                       {.duration = 2, .devices = c.devices}, greedy, 0.01);
    EXPECT_NEAR(found.share(), c.share, 0.04) << c.workload;
    EXPECT_TRUE(found.measures.passes(workload.pass));
  }
}

TEST(Policies, EachServesALightLoadWithNothingVetoed) {
  const WorkloadSpec workload = jobs::load_workload("A10", npu());
  const npu_model::FleetSpec fleet = jobs::load_fleet("mixed", npu());
  jobs::PolicyTuner tuner(npu(), 12);
  int policies = 0;
  for (const jobs::SimulatedPolicy& policy : jobs::simulated_policies()) {
    SimulationSettings settings{.duration = 1, .devices = 20};
    settings.rate = 0.15 * bound_of(npu(), workload, fleet, settings);
    policy.set(settings);
    const schedule::PolicyMaker make = tuner.maker(policy, workload, fleet, "", settings);
    const Measures measures = simulate(npu(), workload, fleet, settings, make);
    EXPECT_GT(measures.all().attainment(), 0.97) << policy.name;
    EXPECT_EQ(measures.vetoed, 0) << policy.name;
    EXPECT_EQ(measures.ejections, 0) << policy.name;
    EXPECT_EQ(measures.all().unfinished, 0) << policy.name;
    ++policies;
  }
  EXPECT_GE(policies, 10);
  EXPECT_EQ(tuner.tunings().size(), 8U);
}

TEST(Policies, AreTunedForTheTenantsOfTheRunWhereTheseAreDrawn) {
  const npu_model::FleetSpec fleet = jobs::load_fleet("small", npu());
  for (const auto& [name, searches] : {std::pair("A5", 1U), std::pair("G", 2U)}) {
    jobs::PolicyTuner tuner(npu(), 1);
    for (const std::uint64_t seed : {1, 2, 1}) {
      tuner.maker(jobs::simulated_policy("static-central"), jobs::load_workload(name, npu()), fleet,
                  "", {.duration = 1, .devices = 4, .seed = seed});
    }
    EXPECT_EQ(tuner.tunings().size(), searches) << name;
  }
  SimulationSettings settings{.seed = 3};
  const WorkloadSpec workload = jobs::load_workload("G", npu());
  const std::string first = streams_of_run(npu(), workload, settings)[0].name;
  settings = {.seed = 4, .streams_seed = 3};
  EXPECT_EQ(streams_of_run(npu(), workload, settings)[0].name, first);
}

/// An independent study saw .286 of the bound for greedy, and more for settings that are tuned in
/// hindsight than for those that know the first phase only.
TEST(Policies, BearALoadWhereMemoryIsShort) {
  const WorkloadSpec workload = jobs::load_workload("G", npu());
  const npu_model::FleetSpec fleet = jobs::load_fleet("small", npu());
  SimulationSettings settings{.duration = 15, .devices = 32, .seed = 3};
  settings.rate = 0.22 * bound_of(npu(), workload, fleet, settings);
  const auto attained = [&](const schedule::PolicyMaker& maker) {
    return simulate(npu(), workload, fleet, settings, maker).all().attainment();
  };
  EXPECT_GT(attained(greedy), 0.96) << "0.94 where sizes do not follow popularity";
  const schedule::Cluster cluster = make_cluster(npu(), streams_of_run(npu(), workload, settings),
                                                 fleet_of_run(npu(), fleet, settings));
  const auto packed_for = [&](const std::vector<double>& shares) {
    return attained([of = schedule::first_static_settings(cluster, shares)] {
      return schedule::make_static_policy(of);
    });
  };
  const double hindsight = packed_for(model_shares(npu(), workload, settings));
  EXPECT_GT(hindsight, 0.9);
  EXPECT_GT(hindsight, packed_for(model_shares(npu(), steady(workload), settings)) + 0.1);
}

/// Likewise .725 for static settings in one central queue a model, tuned for what arrives.
TEST(StaticTuner, ReachesWhatAnIndependentStudyDoesWithinItsBudget) {
  const WorkloadSpec workload = jobs::load_workload("A5", npu());
  const npu_model::FleetSpec fleet = jobs::load_fleet("nominal", npu());
  SimulationSettings settings{.duration = 1.5, .seed = 77};
  settings.scheduler.guard_deadlines = false;
  const auto tune = [&](int budget) {
    LoadClimb climb(npu(), workload, fleet, settings, budget);
    return tune_static(climb);
  };
  const Tuned tuned = tune(250);
  EXPECT_LE(tuned.evaluations, 250);
  EXPECT_EQ(tune(40).settings, tune(40).settings);
  settings.seed = 1;
  const auto goodput = [&](const std::vector<schedule::StaticSetting>& of) {
    return find_goodput(
               npu(), workload, fleet, settings, [&] { return schedule::make_static_policy(of); },
               0.01)
        .share();
  };
  const double reached = goodput(tuned.settings);
  EXPECT_NEAR(reached, 0.725, 0.05);
  const schedule::Cluster cluster = make_cluster(npu(), streams_of_run(npu(), workload, settings),
                                                 fleet_of_run(npu(), fleet, settings));
  const std::vector<double> shares = model_shares(npu(), workload, settings);
  EXPECT_GT(reached, goodput(schedule::first_static_settings(cluster, shares)));
}

TEST(LoadClimb, MissesNothingWhereTheRuleIsMetAndForgivesWhatTheRuleDoes) {
  Measures measures;
  for (const std::int64_t in_time : {100, 100, 20, 60}) {
    StreamMeasures& stream = measures.streams.emplace_back();
    stream.offered = 100;
    stream.in_time = in_time;
  }
  EXPECT_EQ(shortfall(measures, {.all = 0.7, .each = 0.9, .streams = 0.5}), 0);
  EXPECT_NEAR(shortfall(measures, {.all = 0.75, .each = 0.9, .streams = 0.5}), 0.05, 1e-12);
  EXPECT_NEAR(shortfall(measures, {.all = 0.7, .each = 0.9, .streams = 0.75}), 0.3 / 4, 1e-12);
}

TEST(StaticTuner, InAdvanceItKnowsNothingOfWhatWillChange) {
  const WorkloadSpec before = steady(jobs::load_workload("E", npu()));
  EXPECT_EQ(rate_phases(before, 10, 1).size(), 1U);
  EXPECT_EQ(before.cv, 4) << "but how requests arrive";
  EXPECT_TRUE(steady(jobs::load_workload("F", npu())).rotations.empty());
  EXPECT_TRUE(steady(jobs::load_fleet("troubled", npu())).events.empty());
}

}  // namespace
}  // namespace widepipe::rl
