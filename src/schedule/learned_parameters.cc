#include "schedule/learned_parameters.h"

#include <stdexcept>

namespace widepipe::schedule {
namespace {

/// Calls visit(value) for each, in the order of the members.
void for_each_value(auto& parameters, const auto& visit) {
  for (auto& head : parameters.model) {
    for (auto& value : head) visit(value);
  }
  for (auto& head : parameters.shared) {
    for (auto& value : head) visit(value);
  }
}

}  // namespace

LearnedParameters LearnedParameters::of(std::span<const double> values) {
  if (values.size() != kCount) throw std::invalid_argument("another number of parameters");
  LearnedParameters parameters;
  auto next = values.begin();
  for_each_value(parameters, [&](double& value) { value = *next++; });
  return parameters;
}

std::vector<double> LearnedParameters::values() const {
  std::vector<double> values;
  for_each_value(*this, [&](double value) { values.push_back(value); });
  return values;
}

}  // namespace widepipe::schedule
