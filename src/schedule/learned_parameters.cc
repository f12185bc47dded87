#include "schedule/learned_parameters.h"

#include <stdexcept>

namespace widepipe::schedule {
namespace {

/// Calls visit(value) for each, in the order of the members.
void for_each_value(auto& weights, const auto& visit) {
  for (auto& head : weights.model) {
    for (auto& value : head) visit(value);
  }
  for (auto& head : weights.shared) {
    for (auto& value : head) visit(value);
  }
}

}  // namespace

LearnedParameters LearnedParameters::of(std::span<const double> values) {
  if (values.size() != kCount) throw std::invalid_argument("another number of parameters");
  LearnedParameters parameters;
  auto next = values.begin();
  for (DialWeights* weights : {&parameters.usual, &parameters.few}) {
    for_each_value(*weights, [&](double& value) { value = *next++; });
  }
  return parameters;
}

std::vector<double> LearnedParameters::values() const {
  std::vector<double> values;
  for (const DialWeights* weights : {&usual, &few}) {
    for_each_value(*weights, [&](double value) { values.push_back(value); });
  }
  return values;
}

DialWeights LearnedParameters::at(double few_batches) const {
  std::vector<double> added;
  for_each_value(few, [&](double value) { added.push_back(few_batches * value); });
  DialWeights weights = usual;
  auto next = added.begin();
  for_each_value(weights, [&](double& value) { value += *next++; });
  return weights;
}

}  // namespace widepipe::schedule
