// When a policy is not trusted any more.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "schedule/policy_guard.h"

namespace widepipe::schedule {
namespace {

constexpr Seconds kPlan = 0.25;

/// Shares of requests that are missed at a time, by the policy and by the fallback.
struct World {
  std::function<double(Seconds)> policy;
  std::function<double(Seconds)> fallback;
  double rate = 4000;  ///< requests a second
};

struct Outcome {
  std::int64_t comparisons;
  std::int64_t fallbacks;
  double untrusted;  ///< share of the time
};

Outcome live(const World& world, Seconds until, PolicyGuard guard = PolicyGuard()) {
  double untrusted = 0;
  int plans = 0;
  for (Seconds now = 0; now < until; now += kPlan) {
    const double missed = guard.trusted() ? world.policy(now) : world.fallback(now);
    if (!guard.trusted()) untrusted += kPlan;
    guard.see(now, missed * world.rate * kPlan, world.rate * kPlan);
    ++plans;
  }
  EXPECT_NEAR(guard.untrusted_time(), untrusted, 2 * kPlan);
  return {guard.comparisons(), guard.fallbacks(), untrusted / until};
}

std::function<double(Seconds)> always(double share) {
  return [share](Seconds) { return share; };
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
      {"too few requests to tell at once", {always(0.6), always(0.01), 40}, 1, 4, 0.4, 0.95}};
  for (const Case& one : cases) {
    const Outcome outcome = live(one.world, 60);
    EXPECT_GE(outcome.fallbacks, one.fewest_fallbacks) << one.what;
    EXPECT_LE(outcome.fallbacks, one.most_fallbacks) << one.what;
    EXPECT_GE(outcome.untrusted, one.least_untrusted) << one.what;
    EXPECT_LE(outcome.untrusted, one.most_untrusted) << one.what;
    EXPECT_GE(outcome.comparisons, outcome.fallbacks) << one.what;
  }
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
