#pragma once
// All policies for requests, by name. A new one is two files, and a line in request_policies.cc.

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "schedule/request_policy.h"

namespace widepipe::schedule {

/// A number that a tuner may choose.
struct PolicyParameter {
  std::string_view name;
  double usual = 0;
  double least = 0;
  double most = 0;
  bool whole = false;  ///< a number of something
};

struct NamedPolicy {
  std::string_view name;
  std::string_view what;     ///< in some words
  bool told_speeds = false;  ///< it is told how fast devices are, which no real one can be
  /// The guard looks after its deadlines; off for those that stand for systems without one.
  bool guarded = true;
  bool tuned = false;  ///< its parameters are, in advance, where policies are compared
  std::vector<PolicyParameter> parameters;
  /// With these values of its parameters.
  std::function<std::unique_ptr<RequestPolicy>(std::span<const double>)> make;

  std::vector<double> usual() const;
  PolicyMaker maker(std::vector<double> values) const;
};

const std::vector<NamedPolicy>& request_policies();

/// Throws InputError, with the names that there are.
const NamedPolicy& request_policy(std::string_view name);

}  // namespace widepipe::schedule
