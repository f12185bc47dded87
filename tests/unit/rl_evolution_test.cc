// The search for parameters: on functions whose best point is known.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>

#include "core/error.h"
#include "rl/evolution.h"

namespace widepipe::rl {
namespace {

using Function = std::function<double(const std::vector<double>&)>;

void run(Evolution& evolution, const Function& score, int generations) {
  for (int i = 0; i < generations; ++i) {
    std::vector<double> scores;
    for (const std::vector<double>& candidate : evolution.candidates()) {
      scores.push_back(score(candidate));
    }
    evolution.tell(scores);
  }
}

double sphere(const std::vector<double>& at) {
  double all = 0;
  for (const double value : at) all -= (value - 1) * (value - 1);
  return all;
}

/// Some parameters matter ten times as much as others.
double ellipse(const std::vector<double>& at) {
  double all = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    all -= (i % 2 == 0 ? 10 : 1) * (at[i] - 1) * (at[i] - 1);
  }
  return all;
}

TEST(Evolution, FindsTheBestPoint) {
  struct Case {
    const char* name;
    Function score;
    std::size_t size;
    double step;
    double within;
  };
  for (const Case& one : {Case{"sphere", sphere, 10, 0.1, 0.1}, Case{"wide", sphere, 10, 0.3, 0.3},
                          Case{"ellipse", ellipse, 10, 0.1, 0.15}}) {
    for (const std::uint64_t seed : {1, 2, 3}) {
      Evolution evolution(std::vector<double>(one.size, 0),
                          {.candidates = 12, .step = one.step, .follow = 0.3, .seed = seed});
      run(evolution, one.score, 400);
      for (const double value : evolution.center()) {
        EXPECT_NEAR(value, 1, one.within) << one.name << " seed " << seed;
      }
    }
  }
}

/// A number of mean 0 and standard deviation 1, the same everywhere.
double chance(std::mt19937_64& random) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(random() >> 11) * 0x1p-53;
  return sum;
}

/// Candidates that are near each other cannot be told apart.
TEST(Evolution, FindsItWhereMostOfAScoreIsChanceIfCandidatesAreFarApart) {
  const std::vector<double> start(50, 0);
  const auto left = [&](double step) {  // of the distance, squared
    std::mt19937_64 random(7);
    Evolution evolution(start, {.step = step, .follow = 0.2, .seed = 1});
    run(
        evolution, [&](const std::vector<double>& at) { return sphere(at) + 8 * chance(random); },
        500);
    return sphere(evolution.center()) / sphere(start);
  };
  EXPECT_LT(left(0.3), 0.2);
  EXPECT_GT(left(0.03), 0.5);
}

TEST(Evolution, StaysWhereScoresMakeNoDifference) {
  Evolution evolution({1, 2}, {.candidates = 6});
  evolution.tell(std::vector<double>(6, 3));
  EXPECT_DOUBLE_EQ(evolution.center()[0], 1);
  EXPECT_DOUBLE_EQ(evolution.center()[1], 2);
  evolution.tell(std::vector<double>(6, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_DOUBLE_EQ(evolution.center()[0], 1);
}

TEST(Evolution, ANumberThatIsNoneIsTheWorst) {
  Evolution evolution({0, 0}, {.candidates = 12, .step = 0.3, .seed = 1});
  run(
      evolution,
      [](const std::vector<double>& at) {
        return at[0] > 2 ? std::numeric_limits<double>::quiet_NaN() : at[0] - at[1] * at[1];
      },
      100);
  EXPECT_GT(evolution.center()[0], 1.5);
  EXPECT_LE(evolution.center()[0], 2.1);
}

TEST(Evolution, TheSameSeedTheSameSearchAndAnotherAnother) {
  const auto searched = [](std::uint64_t seed) {
    Evolution evolution(std::vector<double>(4, 0), {.candidates = 8, .step = 0.1, .seed = seed});
    run(evolution, sphere, 5);
    return evolution.center();
  };
  EXPECT_EQ(searched(1), searched(1));
  EXPECT_NE(searched(1), searched(2));
}

TEST(Evolution, GoesOnExactlyFromWhatWasSaved) {
  const Evolution::Settings settings{.candidates = 8, .step = 0.1, .seed = 5};
  const std::vector<double> start(6, 0);
  Evolution through(start, settings);
  run(through, sphere, 7);
  const std::string saved = through.save();
  run(through, sphere, 6);
  Evolution resumed(start, settings);
  resumed.restore(saved);
  EXPECT_EQ(resumed.generation(), 7);
  EXPECT_EQ(resumed.save(), saved);
  run(resumed, sphere, 6);
  EXPECT_EQ(resumed.center(), through.center());
  EXPECT_EQ(resumed.save(), through.save());
}

TEST(Evolution, RefusesWhatCannotBe) {
  EXPECT_THROW(Evolution({}, {}), std::invalid_argument);
  EXPECT_THROW(Evolution({0}, {.candidates = 3}), std::invalid_argument);
  EXPECT_THROW(Evolution({0}, {.step = 0}), std::invalid_argument);
  EXPECT_THROW(Evolution({0}, {.follow = 0}), std::invalid_argument);
  const double infinite = std::numeric_limits<double>::infinity();
  EXPECT_THROW(Evolution({0}, {.step = infinite}), std::invalid_argument);
  EXPECT_THROW(Evolution({0}, {.follow = infinite}), std::invalid_argument);
  Evolution evolution({0, 0}, {.candidates = 4});
  EXPECT_THROW(evolution.tell({1, 2, 3}), std::invalid_argument);
  Evolution other({0, 0, 0}, {.candidates = 4});
  EXPECT_THROW(other.restore(evolution.save()), InputError);
  EXPECT_THROW(evolution.restore(evolution.save().substr(0, 200)), InputError);
}

}  // namespace
}  // namespace widepipe::rl
