// Learning by simulation: what is drawn, what it comes to, and that it can go on.

#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/error.h"
#include "jobs/profile_file.h"
#include "rl/goodput.h"
#include "rl/scenarios.h"
#include "rl/training.h"
#include "schedule/greedy_policy.h"
#include "schedule/static_policy.h"

namespace widepipe::rl {
namespace {

const npu_model::Profile& npu() {
  static const npu_model::Profile profile = jobs::load_profile("npu");
  return profile;
}

/// One parameter: the logarithm of a constant of greedy.
schedule::PolicyMaker budget(std::span<const double> values) {
  return [value = 0.4 * std::exp(values[0])] {
    return schedule::make_greedy_policy({.budget = value});
  };
}

Training training(Reducer& reducer, double start = 0, int pool = 3, int plain = 0) {
  return {npu(),
          budget,
          [] { return schedule::make_greedy_policy(); },
          {start},
          {.scenarios = 2,
           .pool = pool,
           .plain = plain,
           .held_out = 12,
           .evolution = {.candidates = 4, .step = 0.2, .follow = 1, .seed = 3}},
          reducer};
}

TEST(Scenarios, AreSoundAndVaried) {
  std::set<std::size_t> networks;
  std::set<double> factors;
  int bursts = 0;
  int moving = 0;
  int troubled = 0;
  int rounds = 0;
  int other_devices = 0;
  int other_networks = 0;
  int other_jitter = 0;
  int same_deadlines = 0;
  int tenants = 0;
  constexpr int kDrawn = 300;
  for (int number = 0; number < kDrawn; ++number) {
    const auto drawn = draw_scenario(npu(), static_cast<std::uint64_t>(number));
    EXPECT_EQ(problem_of(drawn.profile), "") << number;
    EXPECT_EQ(problem_of(drawn.workload, drawn.profile), "") << number;
    EXPECT_EQ(problem_of(drawn.fleet, drawn.profile), "") << number;
    const auto again = draw_scenario(npu(), static_cast<std::uint64_t>(number));
    EXPECT_EQ(drawn.workload, again.workload);
    EXPECT_EQ(drawn.profile.device, again.profile.device);
    EXPECT_EQ(drawn.settings.devices, again.settings.devices);
    EXPECT_EQ(drawn.settings.rate, again.settings.rate);
    networks.insert(drawn.workload.networks.size());
    factors.insert(drawn.workload.slo_factors.front());
    bursts += drawn.workload.cv > 1 ? 1 : 0;
    moving += drawn.workload.rotations.empty() ? 0 : 1;
    troubled += drawn.fleet.events.empty() ? 0 : 1;
    rounds += drawn.settings.rounds.period > 0 ? 1 : 0;
    other_devices += drawn.profile.device.cores != npu().device.cores ? 1 : 0;
    tenants += drawn.workload.variants > 1 ? 1 : 0;
    other_networks += drawn.profile.networks[0].macs != npu().networks[0].macs ? 1 : 0;
    const auto least = std::ranges::min(drawn.profile.networks, {}, &npu_model::Network::slo_base);
    same_deadlines += std::ranges::count(drawn.profile.networks, least.slo_base,
                                         &npu_model::Network::slo_base) > 2
                          ? 1
                          : 0;
    other_jitter += drawn.profile.device.jitter != npu().device.jitter ? 1 : 0;
  }
  EXPECT_EQ(networks.size(), 7U);
  EXPECT_EQ(factors.size(), 3U);
  for (const int count :
       {bursts, moving, troubled, rounds, other_devices, other_networks, other_jitter, tenants}) {
    EXPECT_GT(count, kDrawn / 10);
    EXPECT_LT(count, kDrawn * 9 / 10);
  }
  EXPECT_GT(same_deadlines, kDrawn / 20);
  EXPECT_LT(same_deadlines, kDrawn / 3);
}

TEST(Scenarios, OfFewBatchesAreOnDevicesOfOneCore) {
  std::set<int> devices;
  int gain_nothing = 0;
  int other_jitter = 0;
  constexpr int kDrawn = 100;
  for (std::uint64_t number = 0; number < kDrawn; ++number) {
    const auto drawn = draw_scenario(npu(), number, Variety::kFew);
    EXPECT_EQ(problem_of(drawn.profile), "") << number;
    EXPECT_EQ(drawn.profile.device.cores, 1) << number;
    EXPECT_LE(drawn.workload.variants, 1) << number;
    const auto [least, most] =
        std::ranges::minmax(drawn.profile.networks, {}, &npu_model::Network::slo_base);
    EXPECT_GE(least.slo_base, 0.4 * most.slo_base) << number;
    devices.insert(drawn.settings.devices);
    gain_nothing += drawn.profile.device.batch_half == 0 ? 1 : 0;
    other_jitter += drawn.profile.device.jitter != npu().device.jitter ? 1 : 0;
  }
  EXPECT_EQ(devices, (std::set{1, 2, 3, 4, 5, 6, 7, 8}));
  for (const int count : {gain_nothing, other_jitter}) {
    EXPECT_GT(count, kDrawn / 3);
    EXPECT_LT(count, kDrawn * 2 / 3);
  }
}

TEST(Scenarios, ThatArePlainAreOnTheDevicesOfTheProfile) {
  for (std::uint64_t number = 0; number < 100; ++number) {
    const auto drawn = draw_scenario(npu(), number, Variety::kPlain);
    EXPECT_EQ(drawn.profile.device, npu().device) << number;
    EXPECT_EQ(drawn.profile.networks, npu().networks) << number;
    EXPECT_LE(drawn.workload.variants, 1) << number;
    EXPECT_GE(drawn.settings.devices, 16) << number;
    EXPECT_EQ(drawn.settings.rounds.period, 0) << number;
  }
}

TEST(Score, IsNoughtWhereTheRuleIsJustMetAndFallsWithMisses) {
  const auto score = [](double missed, double of_one) {
    Measures measures;
    for (const double share : {missed, of_one}) {
      StreamMeasures stream;
      stream.offered = 100'000;
      stream.in_time = std::lround(stream.offered * (1 - share));
      measures.streams.push_back(stream);
    }
    return score_of(measures, {.all = 0.99, .each = 0.97});
  };
  EXPECT_NEAR(score(0.01, 0.01), 0, 1e-3);
  EXPECT_GT(score(0.001, 0.001), 0.3);
  EXPECT_LT(score(0.02, 0.02), -0.3);
  EXPECT_LT(score(0, 0.06), score(0.01, 0.01)) << "a stream of its own";
  EXPECT_EQ(score(0.5, 0.5), score(1, 1)) << "bad enough";
}

TEST(Score, LooksAtAsManyStreamsAsTheRule) {
  Measures measures;
  for (int stream = 0; stream < 20; ++stream) {
    measures.streams.push_back({.offered = 1000, .in_time = stream < 2 ? 0 : 1000});
  }
  const PassRule rule{.all = 0.8, .each = 0.9, .streams = 0.9};
  EXPECT_GT(score_of(measures, rule), 0) << "one in ten may";
  measures.streams[2].in_time = 800;
  EXPECT_LT(score_of(measures, rule), 0);
}

TEST(Score, OfNothingIsThatOfNoMisses) {
  EXPECT_EQ(score_of({}, {}), score_of({.streams = {{.offered = 10, .in_time = 10}}}, {}));
}

TEST(Compared, AllScenariosCountAlike) {
  // Three candidates: the second is best where scores are far apart, the third where they are not.
  const double scores[] = {0, 40, 20, 0, 20, 40};
  const std::vector<double> far = compared(scores, 3);
  EXPECT_LT(far[0], -1);
  EXPECT_DOUBLE_EQ(far[1], far[2]);
  const double uneven[] = {0, 40, 20, 0, 200, 400};
  const std::vector<double> scaled = compared(uneven, 3);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(scaled[i], far[i], 0.01);
  const double by_chance[] = {0, 0.002, 0.004};
  EXPECT_LT(compared(by_chance, 3)[2], 0.1) << "no difference to speak of";
}

TEST(Compared, WhatIsNoNumberSpoilsNoOtherCandidate) {
  const double scores[] = {1, std::numeric_limits<double>::quiet_NaN(), 3};
  const std::vector<double> totals = compared(scores, 3);
  EXPECT_LT(totals[0], totals[2]);
  EXPECT_TRUE(std::isnan(totals[1]));
}

/// Numbers of the scenarios that have been run, as save() knows them.
std::set<int> run_so_far(const Training& training, int pool) {
  std::istringstream text(training.save());
  int count = 0;
  text >> count;
  std::set<int> numbers;
  for (int number = 0; number < pool; ++number) {
    std::string load;
    text >> load;
    if (std::strtod(load.c_str(), nullptr) != 0) numbers.insert(number);
  }
  return numbers;
}

TEST(Training, BeginsWithPlainScenarios) {
  SerialReducer alone;
  Training one = training(alone, 0, 7, 2);
  one.advance();
  EXPECT_EQ(run_so_far(one, 7), (std::set{0, 3}));
  one.advance();
  EXPECT_EQ(run_so_far(one, 7), (std::set{0, 3, 6}));
  one.advance();
  EXPECT_EQ(run_so_far(one, 7), (std::set{0, 3, 4, 5, 6}));
}

/// What candidates were made of, and the sizes of devices that they served.
struct Tried {
  std::mutex mutex;
  std::set<std::vector<double>> values;
  std::set<int> cores;
  void look_at(const schedule::Cluster& cluster) {
    const std::lock_guard lock(mutex);
    for (const auto& device : cluster.devices) cores.insert(device.cores);
  }
  void forget() {
    values.clear();
    cores.clear();
  }
};

/// Another policy, with something done behind each of its plans.
class Watched final : public schedule::RequestPolicy {
 public:
  using Act = std::function<void(const schedule::Cluster&, schedule::ServingPlan&)>;
  Watched(std::unique_ptr<schedule::RequestPolicy> inner, Act act)
      : inner_(std::move(inner)), act_(std::move(act)) {}
  std::string_view name() const override { return "watched"; }
  void plan(const schedule::ServingObservation& seen, schedule::ServingPlan& plan) override {
    inner_->plan(seen, plan);
    act_(*seen.cluster, plan);
  }
  std::optional<schedule::Choice> choose(const schedule::Offer& offer) override {
    return inner_->choose(offer);
  }

 private:
  const std::unique_ptr<schedule::RequestPolicy> inner_;
  const Act act_;
};

/// Of two parameters, of which the second is for few batches at a time.
Training training_of_both(Reducer& reducer, Tried& tried, int held_out = 1) {
  return {npu(),
          [&tried](std::span<const double> values) {
            const std::lock_guard lock(tried.mutex);
            tried.values.insert({values.begin(), values.end()});
            return [&tried, inner = budget(std::vector<double>{values[0] + values[1] / 2})] {
              return std::make_unique<Watched>(
                  inner(), [&tried](const schedule::Cluster& cluster, schedule::ServingPlan&) {
                    tried.look_at(cluster);
                  });
            };
          },
          [] { return schedule::make_greedy_policy(); },
          {0.1, 0.2},
          {.scenarios = 2,
           .pool = 6,
           .plain = 1,
           .held_out = held_out,
           .few_parameters = 1,
           .evolution = {.candidates = 4, .step = 0.2, .follow = 1, .seed = 3}},
          reducer};
}

TEST(Training, EveryOtherGenerationIsOfFewBatchesAndSearchesForTheirParametersAlone) {
  SerialReducer alone;
  Tried tried;
  Training one = training_of_both(alone, tried);
  std::vector<double> before = one.parameters();
  EXPECT_EQ(before, (std::vector<double>{0.1, 0.2}));
  const struct {
    bool few;
    std::set<int> run;  ///< of the pool, 0 to 5; of few batches, 6 and 7; held out, 8
  } kGenerations[] = {{false, {0, 3}},
                      {false, {0, 2, 3}},
                      {true, {0, 2, 3, 6, 7}},
                      {false, {0, 2, 3, 4, 5, 6, 7}},
                      {true, {0, 2, 3, 4, 5, 6, 7}}};
  for (int i = 0; i < 5; ++i) {
    const bool few = kGenerations[i].few;
    tried.forget();
    EXPECT_EQ(one.advance().generation, i + 1);
    EXPECT_EQ(run_so_far(one, 9), kGenerations[i].run) << i;
    EXPECT_EQ(tried.values.size(), 4U) << i;
    for (const std::vector<double>& values : tried.values) {
      EXPECT_EQ(values[few ? 0 : 1], before[few ? 0 : 1]) << i << ": the other is as it was";
      EXPECT_NE(values[few ? 1 : 0], before[few ? 1 : 0]) << i;
    }
    EXPECT_EQ(tried.cores == std::set{1}, few) << i;
    const std::vector<double> now = one.parameters();
    EXPECT_EQ(now[0] == before[0], few) << i;
    EXPECT_EQ(now[1] == before[1], !few) << i;
    before = now;
  }
}

TEST(Training, GainIsOfOtherScenariosThanThoseThatAreRunAndOfBothKinds) {
  SerialReducer alone;
  Tried tried;
  Training one = training_of_both(alone, tried, 5);
  EXPECT_NE(one.gain(), 0);
  EXPECT_EQ(run_so_far(one, 13), (std::set{8, 9, 10, 11, 12}));
  EXPECT_TRUE(tried.cores.contains(1));
  EXPECT_GT(*tried.cores.rbegin(), 1);
  EXPECT_EQ(tried.values, (std::set<std::vector<double>>{{0.1, 0.2}}));
}

TEST(Training, OfBothGoesOnExactly) {
  SerialReducer alone;
  Tried tried;
  Training through = training_of_both(alone, tried);
  for (int i = 0; i < 3; ++i) through.advance();
  Training resumed = training_of_both(alone, tried);
  resumed.restore(through.save());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(resumed.parameters(), through.parameters());
    EXPECT_EQ(resumed.advance().mean, through.advance().mean);
  }
  EXPECT_EQ(resumed.save(), through.save());
  // As many scenarios, but one search.
  Training other(
      npu(), budget, [] { return schedule::make_greedy_policy(); }, {0},
      {.pool = 6, .held_out = 3, .evolution = {.candidates = 4}}, alone);
  EXPECT_THROW(other.restore(through.save()), InputError);
  EXPECT_THROW(resumed.restore(other.save()), InputError);
}

TEST(Training, RefusesMoreParametersForFewBatchesThanThereAre) {
  SerialReducer alone;
  for (const int few : {-1, 1, 2}) {
    EXPECT_THROW(Training(
                     npu(), budget, [] { return schedule::make_greedy_policy(); }, {0},
                     {.few_parameters = few}, alone),
                 std::invalid_argument)
        << few;
  }
}

TEST(Training, RunsNoScenarioTwiceInAGeneration) {
  SerialReducer alone;
  Training one = training(alone, 0, 3, 1);  // one is plain, of the two that are wanted
  EXPECT_NO_THROW(one.advance());
  EXPECT_EQ(run_so_far(one, 3), (std::set{0}));
}

/// Batches of one on all cores, on one device of four.
std::unique_ptr<schedule::RequestPolicy> idler() {
  return std::make_unique<Watched>(schedule::make_uniform_policy(32, 1, 0, 1),
                                   [](const schedule::Cluster&, schedule::ServingPlan& plan) {
                                     for (std::size_t id = 0; id < plan.instances.size(); ++id) {
                                       if (id % 4 != 0) plan.instances[id].clear();
                                     }
                                   });
}

TEST(Training, LeavesOutWhatCanHardlyBeServed) {
  SerialReducer alone;
  const auto opponent = idler;
  const Scenario first = draw_scenario(npu(), 0, Variety::kPlain);
  const double share =
      find_goodput(first.profile, first.workload, first.fleet, first.settings, opponent).share();
  ASSERT_GT(share, 0.005);
  ASSERT_LT(share, 0.1);
  Training one(npu(), budget, opponent, {-1},
               {.scenarios = 1, .pool = 1, .held_out = 1, .evolution = {.candidates = 4}}, alone);
  const Training::Progress progress = one.advance();
  EXPECT_EQ(progress.generation, 1);
  EXPECT_EQ(progress.load, 1);
  EXPECT_EQ(one.parameters(), (std::vector<double>{-1})) << "nothing is learned of nothing";
  EXPECT_EQ(run_so_far(one, 1), (std::set{0})) << "and it is not looked at again";
}

TEST(Training, LearnsWhatIsBetter) {
  SerialReducer alone;
  Training bad = training(alone, -1, 12);
  const double before = bad.gain();
  for (int i = 0; i < 6; ++i) bad.advance();
  EXPECT_LT(before, -0.1) << "or it is no bad start";
  EXPECT_GT(bad.gain(), before + 0.1);
}

TEST(Training, AsksForWhatCandidatesJustBear) {
  SerialReducer alone;
  // Nothing is learned: they all stay as bad as that.
  Training one(
      npu(), budget, [] { return schedule::make_greedy_policy(); }, {-1},
      {.scenarios = 1,
       .pool = 1,
       .held_out = 1,
       .evolution = {.candidates = 4, .step = 1e-9, .follow = 1e-9}},
      alone);
  const Training::Progress first = one.advance();
  Training::Progress last = first;
  for (int i = 0; i < 12; ++i) last = one.advance();
  EXPECT_LT(first.mean, -0.3) << "or they bear it already";
  EXPECT_LT(last.load, first.load - 0.05);
  EXPECT_GT(last.mean, first.mean + 0.1);
}

/// Ranks that are threads.
class ThreadReducer final : public Reducer {
 public:
  struct Shared {
    explicit Shared(int ranks) : size(ranks), turn(ranks) {}
    const int size;
    std::barrier<> turn;
    std::mutex mutex;
    std::vector<double> all;
  };
  ThreadReducer(Shared& shared, int rank) : shared_(shared), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return shared_.size; }
  void sum(std::span<double> values) override {
    if (rank_ == 0) shared_.all.assign(values.size(), 0);
    shared_.turn.arrive_and_wait();
    {
      const std::lock_guard lock(shared_.mutex);
      for (std::size_t i = 0; i < values.size(); ++i) shared_.all[i] += values[i];
    }
    shared_.turn.arrive_and_wait();
    std::copy(shared_.all.begin(), shared_.all.end(), values.begin());
    shared_.turn.arrive_and_wait();
  }

 private:
  Shared& shared_;
  const int rank_;
};

TEST(Training, ComesToTheSameOnAnyNumberOfRanks) {
  SerialReducer alone;
  Training serial = training(alone);
  serial.advance();
  const std::string expected = serial.save();
  for (const int ranks : {2, 3}) {
    ThreadReducer::Shared shared(ranks);
    std::vector<std::string> found(static_cast<std::size_t>(ranks));
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < ranks; ++rank) {
      threads.emplace_back([&, rank] {
        ThreadReducer reducer(shared, rank);
        Training one = training(reducer);
        one.advance();
        found[static_cast<std::size_t>(rank)] = one.save();
      });
    }
    threads.clear();
    for (const std::string& text : found) EXPECT_EQ(text, expected) << ranks;
  }
}

TEST(Training, GoesOnExactly) {
  SerialReducer alone;
  for (const int plain : {0, 1}) {
    Training through = training(alone, 0, 3, plain);
    through.advance();
    const std::string saved = through.save();
    const Training::Progress expected = through.advance();
    Training resumed = training(alone, 0, 3, plain);
    resumed.restore(saved);
    EXPECT_EQ(resumed.save(), saved);
    EXPECT_EQ(resumed.advance().load, expected.load);
    EXPECT_EQ(resumed.save(), through.save());
    EXPECT_EQ(resumed.parameters(), through.parameters());
    EXPECT_THROW(resumed.restore("7 0 0"), InputError);
  }
}

}  // namespace
}  // namespace widepipe::rl
