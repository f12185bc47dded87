// Learning by simulation: what is drawn, what it comes to, and that it can go on.

#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <cmath>
#include <mutex>
#include <set>
#include <thread>

#include "core/error.h"
#include "jobs/profile_file.h"
#include "rl/training.h"
#include "schedule/greedy_policy.h"

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

Training training(Reducer& reducer, double start = 0) {
  return {npu(),
          budget,
          [] { return schedule::make_greedy_policy(); },
          {start},
          {.scenarios = 2,
           .pool = 3,
           .held_out = 2,
           .evolution = {.candidates = 4, .step = 0.2, .seed = 3}},
          reducer};
}

TEST(Scenarios, AreSoundAndVaried) {
  std::set<std::size_t> networks;
  std::set<double> factors;
  int bursts = 0;
  int moving = 0;
  int troubled = 0;
  int rounds = 0;
  constexpr int kDrawn = 300;
  for (int number = 0; number < kDrawn; ++number) {
    const auto drawn = draw_scenario(npu(), static_cast<std::uint64_t>(number));
    EXPECT_EQ(problem_of(drawn.workload, npu()), "") << number;
    EXPECT_EQ(problem_of(drawn.fleet, npu()), "") << number;
    EXPECT_EQ(drawn.workload, draw_scenario(npu(), static_cast<std::uint64_t>(number)).workload);
    networks.insert(drawn.workload.networks.size());
    factors.insert(drawn.workload.slo_factors.front());
    bursts += drawn.workload.cv > 1 ? 1 : 0;
    moving += drawn.workload.rotations.empty() ? 0 : 1;
    troubled += drawn.fleet.events.empty() ? 0 : 1;
    rounds += drawn.settings.rounds.period > 0 ? 1 : 0;
  }
  EXPECT_EQ(networks.size(), 7U);
  EXPECT_EQ(factors.size(), 3U);
  for (const int count : {bursts, moving, troubled, rounds}) {
    EXPECT_GT(count, kDrawn / 10);
    EXPECT_LT(count, kDrawn * 9 / 10);
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

TEST(Training, LearnsWhatIsBetter) {
  SerialReducer alone;
  Training bad = training(alone, -1);
  const double before = bad.gain();
  for (int i = 0; i < 6; ++i) bad.advance();
  EXPECT_LT(before, -0.1) << "or it is no bad start";
  EXPECT_GT(bad.gain(), before + 0.1);
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
  Training through = training(alone);
  through.advance();
  const std::string saved = through.save();
  through.advance();
  Training resumed = training(alone);
  resumed.restore(saved);
  EXPECT_EQ(resumed.save(), saved);
  resumed.advance();
  EXPECT_EQ(resumed.save(), through.save());
  EXPECT_THROW(resumed.restore("7 0 0"), InputError);
}

}  // namespace
}  // namespace widepipe::rl
