#include "schedule/ablation.h"

#include <gtest/gtest.h>

#include "tests/unit/request_fixture.h"

namespace widepipe::schedule {
namespace {

/// Another plan each time, and never a batch of more than two.
class Changing final : public RequestPolicy {
 public:
  std::string_view name() const override { return "changing"; }
  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    ++plans_;
    plan.rules.assign(seen.streams.size(), {.full = 2 + plans_, .hold = 0.001 * plans_});
    plan.instances.assign(seen.devices.size(), {{0, 0, 2 + plans_}});
  }
  std::optional<Choice> choose(const Offer& offer) override {
    if (offer.deadline < 0.01) return std::nullopt;
    return Choice{1, 2, CloseReason::kDeadline, 5};
  }
  PolicyCounts counts() const override { return {.comparisons = 7}; }

 private:
  int plans_ = 0;
};

TEST(Ablation, APolicyGoesWithoutTheNamedPartAlone) {
  const Cluster cluster = cluster_of(1, 1, 0.1);
  const std::vector<StreamState> streams(1);
  const std::vector<DeviceState> devices(1);
  RequestQueue queue;
  for (RequestId id = 0; id < 20; ++id) queue.push_back({id, 0});
  const std::vector<int> idle = {0, 8, 8};
  const Offer offer{.costs = cluster.models[0].costs.get(),
                    .waiting = queue.size(),
                    .deadline = 0.1,
                    .queue = &queue,
                    .idle = idle};
  const struct {
    const char* part;
    int full;  ///< of the second plan
    Seconds hold;
    int instance;
    int batch, give_up;
  } kCases[] = {{"batch-sizes", 3, 0.002, 4, 3, 0},
                {"allocation", 4, 0.002, 3, 2, 5},
                {"hold-back", 4, 0, 4, 2, 5},
                {"speeds", 4, 0.002, 4, 2, 5}};
  ASSERT_EQ(std::size(kCases), parts().size());
  for (std::size_t i = 0; i < parts().size(); ++i) {
    const auto& c = kCases[i];
    ASSERT_EQ(parts()[i].name, c.part);
    const auto policy = without(parts()[i].part, std::make_unique<Changing>());
    ServingPlan plan;
    for (int plans = 0; plans < 2; ++plans)
      policy->plan({.cluster = &cluster, .streams = streams, .devices = devices}, plan);
    EXPECT_EQ(plan.rules[0].full, c.full) << c.part;
    EXPECT_EQ(plan.rules[0].hold, c.hold) << c.part;
    EXPECT_EQ(plan.instances[0].at(0).max_batch, c.instance) << c.part;
    const Choice choice = policy->choose(offer).value();
    EXPECT_EQ(choice.batch, c.batch) << c.part;
    EXPECT_EQ(choice.give_up, c.give_up) << c.part;
    EXPECT_EQ(policy->counts().comparisons, 7) << c.part;
  }
}

TEST(Ablation, WithoutBatchSizesNoDeadlineMakesABatchSmallOrStopsIt) {
  const Cluster cluster = cluster_of(1, 1, 0.1);
  const std::vector<StreamState> streams(1);
  const std::vector<DeviceState> devices(1);
  const auto policy = without(Part::kBatchSizes, std::make_unique<Changing>());
  ServingPlan plan;
  policy->plan({.cluster = &cluster, .streams = streams, .devices = devices}, plan);
  const std::vector<int> idle = {8, 2, 0};
  Offer offer{.waiting = 20, .deadline = 0.001, .idle = idle};
  Choice choice = policy->choose(offer).value();
  EXPECT_EQ(choice.choice, 1U) << "the most cores that are idle";
  EXPECT_EQ(choice.batch, 2);
  EXPECT_EQ(choice.reason, CloseReason::kFull) << "as much as the instance takes";
  offer.waiting = 1;
  choice = policy->choose(offer).value();
  EXPECT_EQ(choice.batch, 1);
  EXPECT_EQ(choice.reason, CloseReason::kTimeout);
}

}  // namespace
}  // namespace widepipe::schedule
