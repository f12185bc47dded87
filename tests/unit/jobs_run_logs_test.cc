// What a live run says of its policy.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/run_logs.h"

namespace widepipe::jobs {
namespace {

/// Falls back at plans 3 and 4.
class Unsteady final : public schedule::RequestPolicy {
 public:
  std::string_view name() const override { return "unsteady"; }
  schedule::PolicyCounts counts() const override {
    return {.fallbacks = plans_ < 3 ? 0 : plans_ == 3 ? 1 : 2};
  }
  std::optional<schedule::Choice> choose(const schedule::Offer&) override { return {}; }
  void plan(const schedule::ServingObservation&, schedule::ServingPlan& plan) override {
    ++plans_;
    plan.period = plans_;
  }

 private:
  int plans_ = 0;
};

TEST(RunLogs, FallbacksAreToldAsTheyCome) {
  const auto policy = told_of_fallbacks(std::make_unique<Unsteady>());
  EXPECT_EQ(policy->name(), "unsteady");
  const std::string line =
      " s: the guard of policy 'unsteady' falls back: greedy-estimated "
      "decides in its place\n";
  const std::vector<std::string> expected = {"", "", "at 0.75" + line, "at 1.00" + line, "", ""};
  schedule::ServingObservation seen;
  schedule::ServingPlan plan;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    seen.now += 0.25;
    testing::internal::CaptureStderr();
    policy->plan(seen, plan);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), expected[i]) << i;
    EXPECT_EQ(plan.period, static_cast<double>(i + 1)) << "the plan is the policy's";
  }
  EXPECT_EQ(policy->counts().fallbacks, 2);
}

}  // namespace
}  // namespace widepipe::jobs
