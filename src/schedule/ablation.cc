#include "schedule/ablation.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace widepipe::schedule {
namespace {

class Ablation final : public RequestPolicy {
 public:
  Ablation(Part part, std::unique_ptr<RequestPolicy> policy)
      : part_(part), policy_(std::move(policy)) {}

  std::string_view name() const override { return policy_->name(); }
  PolicyCounts counts() const override { return policy_->counts(); }

  void plan(const ServingObservation& seen, ServingPlan& plan) override {
    policy_->plan(seen, plan);
    if (first_.rules.empty()) first_ = plan;
    if (part_ == Part::kAllocation) plan.instances = first_.instances;
    for (StreamId id = 0; id < plan.rules.size(); ++id) {
      StreamRule& rule = plan.rules[id];
      if (part_ == Part::kBatchSizes) rule.full = first_.rules[id].full;
      if (part_ == Part::kHoldBack) rule.hold = 0;
    }
  }

  std::optional<Choice> choose(const Offer& offer) override {
    std::optional<Choice> choice = policy_->choose(offer);
    if (part_ != Part::kBatchSizes || std::isinf(offer.deadline)) return choice;
    // Whatever it says of deadlines: on the cores that it takes, else on the most that are idle.
    if (!choice) choice = most_cores(offer);
    const int largest = std::min(offer.idle[choice->choice], first_.rules[offer.stream].full);
    choice->batch =
        static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(largest), offer.waiting));
    choice->reason = choice->batch == largest ? CloseReason::kFull : CloseReason::kTimeout;
    choice->give_up = 0;
    return choice;
  }

 private:
  static Choice most_cores(const Offer& offer) {
    auto last = static_cast<std::uint32_t>(offer.idle.size()) - 1;
    while (last > 0 && offer.idle[last] == 0) --last;
    return {.choice = last};
  }

  const Part part_;
  const std::unique_ptr<RequestPolicy> policy_;
  ServingPlan first_;
};

}  // namespace

const std::vector<NamedPart>& parts() {
  static const std::vector<NamedPart> all = {{"batch-sizes", Part::kBatchSizes},
                                             {"allocation", Part::kAllocation},
                                             {"hold-back", Part::kHoldBack},
                                             {"speeds", Part::kSpeeds}};
  return all;
}

std::unique_ptr<RequestPolicy> without(Part part, std::unique_ptr<RequestPolicy> policy) {
  if (part == Part::kSpeeds) return policy;
  return std::make_unique<Ablation>(part, std::move(policy));
}

}  // namespace widepipe::schedule
