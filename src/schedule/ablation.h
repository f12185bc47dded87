#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "schedule/request_policy.h"

namespace widepipe::schedule {

/// Something that a policy adapts, and that it can do without, to see what that is worth.
enum class Part {
  kBatchSizes,  ///< batches are as large as those of its first plan, whatever their deadlines
  kAllocation,  ///< devices hold what they did in its first plan
  kHoldBack,    ///< what waits leaves as soon as a device has room
  kSpeeds,      ///< devices are taken to be as fast as the cost tables say: for who sets up a run
};

struct NamedPart {
  std::string_view name;
  Part part;
};
const std::vector<NamedPart>& parts();

/// A policy that does without a part of what it is. Of kSpeeds it is the policy as it was.
std::unique_ptr<RequestPolicy> without(Part part, std::unique_ptr<RequestPolicy> policy);

}  // namespace widepipe::schedule
