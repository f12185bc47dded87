// When a policy is not trusted any more.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "schedule/policy_guard.h"

namespace widepipe::schedule {
namespace {

constexpr Seconds kPlan = 0.25;

std::function<double(Seconds)> always(double value) {
  return [value](Seconds) { return value; };
}

/// Shares of requests that are missed at a time, by the policy and by the fallback.
struct World {
  std::function<double(Seconds)> policy;
  std::function<double(Seconds)> fallback;
  std::function<double(Seconds)> rate = always(4000);  ///< requests a second
};

struct Outcome {
  std::int64_t comparisons;
  std::int64_t fallbacks;
  double untrusted;        ///< share of the time
  Seconds first_compared;  ///< infinity: never
};

Outcome live(const World& world, Seconds until, PolicyGuard guard = PolicyGuard()) {
  double untrusted = 0;
  Seconds first = std::numeric_limits<double>::infinity();
  for (Seconds now = 0; now < until; now += kPlan) {
    const double missed = guard.trusted() ? world.policy(now) : world.fallback(now);
    if (!guard.trusted()) untrusted += kPlan;
    const double ended = world.rate(now) * kPlan;
    guard.see(now, missed * ended, ended);
    if (guard.comparisons() > 0) first = std::min(first, now);
  }
  EXPECT_NEAR(guard.untrusted_time(), untrusted, 2 * kPlan);
  return {guard.comparisons(), guard.fallbacks(), untrusted / until, first};
}

/// Over when the fallback is looked at.
double bad_for_a_moment(Seconds now) { return now >= 10 && now <= 10.5 ? 0.3 : 0.02; }

TEST(PolicyGuard, TrustsWhoServesAndFallsBackFromWhoDoesNot) {
  struct Case {
    const char* what;
    World world;
    std::int64_t fewest_fallbacks, most_fallbacks;
    double least_untrusted, most_untrusted;
  };
  const std::vector<Case> cases = {
      {"both are good", {always(0.01), always(0.01)}, 0, 0, 0, 0},
      {"it is better", {always(0.04), always(0.5)}, 0, 0, 0, 0},
      {"a saboteur", {always(0.6), always(0.01)}, 1, 5, 0.75, 0.99},
      {"more than can be done, whoever decides", {always(0.3), always(0.3)}, 0, 0, 0, 0.15},
      {"the same, and the fallback is little better", {always(0.3), always(0.26)}, 0, 0, 0, 0.15},
      {"bad from a time on",
       {[](Seconds now) { return now < 30 ? 0.01 : 0.5; }, always(0.02)},
       1,
       3,
       0.3,
       0.5},
      {"bad until a time",
       {[](Seconds now) { return now < 5 ? 0.5 : 0.01; }, always(0.02)},
       1,
       1,
       0.1,
       0.25},
      {"bad until the fallback was looked at",
       {[](Seconds now) { return now < 1.6 ? 0.2 : 0.01; }, always(0)},
       0,
       0,
       0.02,
       0.03},
      {"a little too bad", {always(0.07), always(0.01)}, 1, 5, 0.6, 0.99},
      {"a little too bad for two seconds",
       {[](Seconds now) { return now >= 10 && now < 12 ? 0.07 : 0.01; }, always(0)},
       0,
       0,
       0,
       0},
      {"so again and again",
       {[](Seconds now) { return std::fmod(now, 4) < 2 ? 0.07 : 0.01; }, always(0)},
       0,
       0,
       0,
       0},
      {"just good enough", {always(0.05), always(0)}, 0, 0, 0, 0},
      {"bad times, whoever decides", {bad_for_a_moment, bad_for_a_moment}, 0, 0, 0.02, 0.1},
      {"too few requests to tell at once",
       {always(0.6), always(0.01), always(40)},
       1,
       4,
       0.4,
       0.95}};
  for (const Case& one : cases) {
    const Outcome outcome = live(one.world, 60);
    EXPECT_GE(outcome.fallbacks, one.fewest_fallbacks) << one.what;
    EXPECT_LE(outcome.fallbacks, one.most_fallbacks) << one.what;
    EXPECT_GE(outcome.untrusted, one.least_untrusted) << one.what;
    EXPECT_LE(outcome.untrusted, one.most_untrusted) << one.what;
    EXPECT_GE(outcome.comparisons, outcome.fallbacks) << one.what;
  }
}

TEST(PolicyGuard, ComparesTheSoonerTheMoreIsMissed) {
  const struct {
    double missed;  ///< from the tenth second on
    Seconds least, most;
  } kCases[] = {{0.6, 10, 10.25},
                {0.2, 10, 10.5},
                {0.1, 10.75, 11.5},
                {0.07, 12.25, 13},
                {0.06, 14.75, 15.5}};
  for (const auto& one : kCases) {
    const auto policy = [&](Seconds now) { return now < 10 ? 0.02 : one.missed; };
    const Outcome outcome = live({policy, always(0)}, 30);
    EXPECT_GE(outcome.first_compared, one.least) << one.missed;
    EXPECT_LE(outcome.first_compared, one.most) << one.missed;
  }
}

TEST(PolicyGuard, DoesNotCompareWhatIsOver) {
  const auto within = [](Seconds begin, Seconds end, double inside, double outside) {
    return [=](Seconds now) { return now >= begin && now < end ? inside : outside; };
  };
  const struct {
    const char* what;
    World world;
  } kCases[] = {
      {"a burst", {within(10, 11, 0.08, 0.02), always(0), within(10, 11, 12000, 4000)}},
      {"a tenth of the requests", {within(10, 12, 0.07, 0), always(0), within(0, 12, 4000, 400)}},
      {"no more requests", {within(10, 12, 0.07, 0), always(0), within(0, 12, 4000, 0)}},
      {"the beginning", {within(0, 0.6, 0.9, 0.01), always(0)}}};
  for (const auto& one : kCases) EXPECT_EQ(live(one.world, 60).comparisons, 0) << one.what;
}

TEST(PolicyGuard, DoesNotAddUpWhatIsMissedWhileItPauses) {
  const auto both = [](Seconds now) { return now < 8 ? 0.3 : 0.01; };  // no better, so it pauses
  EXPECT_EQ(live({both, both}, 60).comparisons, 1);
}

TEST(PolicyGuard, PausesForAsLongAsAtFirstOnceThePolicyHasDoneWell) {
  const auto twice = [](Seconds now) { return now < 4 || (now >= 60 && now < 64) ? 0.5 : 0.01; };
  const Outcome outcome = live({twice, always(0.01)}, 100);
  EXPECT_EQ(outcome.fallbacks, 2);
  EXPECT_NEAR(100 * outcome.untrusted, 2 * (1.5 + 8), 2);
}

TEST(PolicyGuard, BadTimesAreComparedOnce) {
  const Outcome outcome = live({bad_for_a_moment, bad_for_a_moment}, 60);
  EXPECT_EQ(outcome.comparisons, 1);
  EXPECT_EQ(outcome.fallbacks, 0);
}

TEST(PolicyGuard, WhoDoesNotWorkAtAllIsNeverTrustedAgain) {
  PolicyGuard guard;
  guard.see(0, 0, 0);
  guard.distrust(0);
  EXPECT_FALSE(guard.trusted());
  EXPECT_EQ(guard.fallbacks(), 1);
  const Outcome outcome = live({always(0), always(0.01)}, 500, guard);
  EXPECT_EQ(outcome.untrusted, 1);
}

}  // namespace
}  // namespace widepipe::schedule
