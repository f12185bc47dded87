#pragma once
// All policies for requests, by name. A new one is two files, and a line in request_policies.cc.

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "schedule/request_policy.h"

namespace widepipe::schedule {

struct NamedPolicy {
  std::string_view name;
  std::string_view what;     ///< in some words
  bool told_speeds = false;  ///< it is told how fast devices are, which no real one can be
  /// The guard looks after its deadlines; off for those that stand for systems without one.
  bool guarded = true;
  std::function<std::unique_ptr<RequestPolicy>()> make;
};

const std::vector<NamedPolicy>& request_policies();

/// Throws InputError, with the names that there are.
const NamedPolicy& request_policy(std::string_view name);

}  // namespace widepipe::schedule
