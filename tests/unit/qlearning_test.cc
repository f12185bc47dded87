// The Q-table: what is learned, what that is worth, and how it is kept.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <memory>
#include <vector>

#include "core/error.h"
#include "jobs/number_list.h"
#include "jobs/profile_file.h"
#include "jobs/workload_file.h"
#include "rl/goodput.h"
#include "rl/tuners.h"
#include "schedule/qlearning_policy.h"
#include "tests/unit/request_fixture.h"

namespace widepipe::schedule {
namespace {

constexpr double kRate = 0.5;
/// As the policy has it.
constexpr double kDiscount = 0.6;

/// Plans of a policy that learns on one model and one device, of which it hears nothing but how
/// many requests were in time, or not, since the last plan.
class Learner {
 public:
  explicit Learner(double first_value, const QLearning& learning = {.rate = kRate})
      : table_(std::make_shared<QTable>(empty_q_table(cluster_).size(), first_value)),
        policy_(make_qlearning_policy(table_, learning)) {
    plan_.rules.resize(1);
    plan_.instances.resize(1);
  }

  /// Two plans: that is one decision.
  void decide(std::int64_t in_time, std::int64_t missed) {
    const std::vector<DeviceState> devices(1);
    for (int i = 0; i < 2; ++i) {
      const std::vector<StreamState> streams = {{.in_time = in_time, .missed = missed}};
      policy_->plan({.cluster = &cluster_, .streams = streams, .devices = devices}, plan_);
    }
  }

  std::vector<double> changed_from(double value) const {
    std::vector<double> changed;
    std::copy_if(table_->begin(), table_->end(), std::back_inserter(changed),
                 [&](double other) { return other != value; });
    return changed;
  }

  double most() const { return *std::max_element(table_->begin(), table_->end()); }
  const ServingPlan& plan() const { return plan_; }

 private:
  const Cluster cluster_ = cluster_of(1, 1, 0.05);
  const std::shared_ptr<QTable> table_;
  const std::unique_ptr<RequestPolicy> policy_;
  ServingPlan plan_;
};

TEST(QLearning, AValueGoesTowardsItsRewardAndWhatFollows) {
  const struct {
    double first;
    std::int64_t in_time;
    std::int64_t missed;
    double reward;
  } kCases[] = {{0, 100, 0, 1}, {0, 75, 25, 0.75}, {2, 0, 100, 0}, {2, 50, 50, 0.5}};
  for (const auto& c : kCases) {
    Learner learner(c.first);
    learner.decide(c.in_time, c.missed);
    EXPECT_TRUE(learner.changed_from(c.first).empty()) << "nothing was decided before";
    learner.decide(c.in_time, c.missed);
    const std::vector<double> changed = learner.changed_from(c.first);
    ASSERT_EQ(changed.size(), 1U) << "of the one decision";
    EXPECT_NEAR(changed[0], c.first + kRate * (c.reward + kDiscount * c.first - c.first), 1e-12);
  }
}

TEST(QLearning, WhatIsAlwaysRewardedIsWorthItsDiscountedSum) {
  Learner learner(0);
  for (int i = 0; i < 200; ++i) learner.decide(100, 0);
  EXPECT_NEAR(learner.most(), 1 / (1 - kDiscount), 1e-9);
}

TEST(QLearning, WhatWasNotRewardedIsNotDoneAgain) {
  Learner learner(1);
  learner.decide(0, 100);
  const std::vector<InstanceSpec> first = learner.plan().instances[0];
  learner.decide(0, 100);
  learner.decide(0, 100);
  EXPECT_FALSE(learner.plan().instances[0] == first);
}

TEST(QLearning, WithoutARateNothingIsLearned) {
  Learner learner(0.25, {.explore = 1});
  for (int i = 0; i < 50; ++i) learner.decide(100, 3);
  EXPECT_TRUE(learner.changed_from(0.25).empty());
}

TEST(QLearning, ALearnedTableBeatsAnEmptyOne) {
  const npu_model::Profile profile = jobs::load_profile("npu");
  rl::WorkloadSpec workload = jobs::load_workload("A10", profile);
  workload.networks = {"resnet50", "mobilenet"};
  const npu_model::FleetSpec fleet = jobs::load_fleet("nominal", profile);
  rl::SimulationSettings settings{.duration = 2, .devices = 2, .seed = 5};
  settings.scheduler.guard_deadlines = false;
  rl::LoadClimb climb(profile, workload, fleet, settings, 80);
  const rl::Tuned learned = rl::train_qlearning(climb);
  EXPECT_LE(learned.evaluations, 80);
  const QTable empty = empty_q_table(climb.cluster());
  ASSERT_EQ(learned.parameters.size(), empty.size());
  settings.seed = 1;
  const auto goodput = [&](const QTable& table) {
    const auto shared = std::make_shared<QTable>(table);
    return find_goodput(
               profile, workload, fleet, settings, [&] { return make_qlearning_policy(shared); },
               0.01)
        .share();
  };
  EXPECT_GT(goodput(learned.parameters), goodput(empty) + 0.3);
}

TEST(NumberList, KeepsEveryNumberToTheBit) {
  using Limits = std::numeric_limits<double>;
  const std::vector<std::vector<double>> kLists = {
      {},
      {0},
      {0, 0, 0, 0.1},
      {0.1, 0, 0},
      {1.0 / 3, 0, 2.5, 0, 0, -7, 1e300},
      {Limits::denorm_min(), Limits::min(), Limits::max(), -Limits::max(), Limits::epsilon()},
  };
  for (const std::vector<double>& list : kLists) {
    const std::string text = jobs::numbers_text(list);
    EXPECT_EQ(jobs::numbers_of(text, "here"), list) << text;
  }
  EXPECT_EQ(jobs::numbers_text({0, 0, 0, 0.5, 0}), "x0 3 0.5 x0 1");
}

TEST(NumberList, KeepsALearnedTable) {
  const Cluster cluster = cluster_of(1, 3, 0.05);
  QTable table = empty_q_table(cluster);
  for (std::size_t i = 0; i < table.size(); i += 1 + i % 7) {
    table[i] = 2.5 / static_cast<double>(1 + i * i);
  }
  EXPECT_EQ(jobs::numbers_of(jobs::numbers_text(table), "here"), table);
}

TEST(NumberList, RefusesWhatIsNone) {
  const struct {
    const char* text;
    const char* expected;
  } kCases[] = {
      {"0.5 x", "here: number 1 is 'x', expected a finite number"},
      {"0.5 1,5", "here: number 1 is '1,5', expected a finite number"},
      {"x0 4 nan", "here: number 4 is 'nan', expected a finite number"},
      {"-inf", "here: number 0 is '-inf', expected a finite number"},
      {"1e999", "here: number 0 is '1e999', expected a finite number"},
      {"1 x0", "here: number 1: '' behind 'x0', expected how many zeros"},
      {"x0 0", "here: number 0: '0' behind 'x0', expected how many zeros"},
      {"x0 1.5", "here: number 0: '1.5' behind 'x0', expected how many zeros"},
      {"1 x0 20000000", "here: more than 20000000 numbers"},
      {"x0 18446744073709551615", "here: more than 20000000 numbers"},
  };
  for (const auto& c : kCases) {
    try {
      jobs::numbers_of(c.text, "here");
      ADD_FAILURE() << c.text;
    } catch (const InputError& error) {
      EXPECT_STREQ(error.what(), c.expected);
    }
  }
}

}  // namespace
}  // namespace widepipe::schedule
