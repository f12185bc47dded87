#include "schedule/online_learning.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

namespace widepipe::schedule {
namespace {

constexpr Seconds kPlan = 0.25;
using Numbers = OnlineLearning::Numbers;

void serve(OnlineLearning& learning, Seconds from, Seconds until,
           const std::function<double(const Numbers&)>& missed) {
  for (Seconds now = from; now < until; now += kPlan) {
    learning.see(now, 1000 * missed(learning.numbers()), 1000);
  }
}

double distance(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

TEST(OnlineLearning, GoesToWhereLessIsMissed) {
  const Numbers best = {0.2, -0.2, 0.1, 0, 0, -0.1, 0.2, 0};
  OnlineLearning learning;
  const auto missed = [&](const Numbers& at) { return 0.02 * std::exp(4 * distance(at, best)); };
  serve(learning, 0, 600, missed);
  EXPECT_NEAR(static_cast<double>(learning.steps()), 600 / 3.0, 2);
  EXPECT_LT(distance(learning.learned(), best), 0.6 * distance({}, best));
}

TEST(OnlineLearning, HardlyAnythingMovesByChance) {
  std::mt19937_64 random(5);
  std::lognormal_distribution<double> chance(std::log(0.02), 0.5);
  OnlineLearning learning;
  serve(learning, 0, 1200, [&](const Numbers&) { return std::min(chance(random), 1.0); });
  EXPECT_GT(learning.steps(), 300);
  const auto moved = std::count_if(learning.learned().begin(), learning.learned().end(),
                                   [](double one) { return one != 0; });
  EXPECT_LE(moved, 3);
}

TEST(OnlineLearning, StaysWithinReach) {
  OnlineLearning learning({.reach = 0.1});
  serve(learning, 0, 600, [](const Numbers& at) { return 0.1 * std::exp(-3 * at[0] + 3 * at[1]); });
  EXPECT_NEAR(learning.learned()[0], 0.1, 0.03);
  EXPECT_NEAR(learning.learned()[1], -0.1, 0.03);
  for (const double one : learning.learned()) EXPECT_LE(std::abs(one), 0.1);
}

TEST(OnlineLearning, WhereNothingIsMissedThereIsNothingToLearn) {
  OnlineLearning learning;
  serve(learning, 0, 100, [](const Numbers&) { return 0; });
  EXPECT_GT(learning.steps(), 10);
  EXPECT_EQ(learning.learned(), Numbers{});
}

TEST(OnlineLearning, WhatOthersDecidedDoesNotCount) {
  OnlineLearning learning;
  for (Seconds now = 0; now < 100; now += kPlan) {
    if (std::fmod(now, 1) == 0) learning.skip(now);
    learning.see(now, 500, 1000);
  }
  EXPECT_EQ(learning.steps(), 0);
}

TEST(OnlineLearning, GivesUpForGood) {
  OnlineLearning learning;
  const auto missed = [](const Numbers& at) { return 0.1 * std::exp(-3 * at[0]); };
  serve(learning, 0, 100, missed);
  EXPECT_NE(learning.learned(), Numbers{});
  learning.give_up();
  serve(learning, 100, 200, missed);
  EXPECT_EQ(learning.learned(), Numbers{});
  EXPECT_EQ(learning.steps(), 0);
  EXPECT_EQ(learning.numbers(), Numbers{}) << "nothing is tried any more";
}

}  // namespace
}  // namespace widepipe::schedule
