#include "schedule/learned_parameters.h"

#include <stdexcept>

namespace widepipe::schedule {
namespace {

/// Calls visit(value...) for each place, in the order of the members.
void for_each_value(const auto& visit, auto&... weights) {
  for (std::size_t head = 0; head < kModelHeads; ++head) {
    for (std::size_t i = 0; i < kModelFeatures; ++i) visit(weights.model[head][i]...);
  }
  for (std::size_t head = 0; head < kSharedHeads; ++head) {
    for (std::size_t i = 0; i < kSharedFeatures; ++i) visit(weights.shared[head][i]...);
  }
}

}  // namespace

LearnedParameters LearnedParameters::of(std::span<const double> values) {
  if (values.size() != kCount) throw std::invalid_argument("another number of parameters");
  LearnedParameters parameters;
  auto next = values.begin();
  for (DialWeights* weights : {&parameters.usual, &parameters.few}) {
    for_each_value([&](double& value) { value = *next++; }, *weights);
  }
  return parameters;
}

std::vector<double> LearnedParameters::values() const {
  std::vector<double> values;
  for (const DialWeights* weights : {&usual, &few}) {
    for_each_value([&](double value) { values.push_back(value); }, *weights);
  }
  return values;
}

DialWeights LearnedParameters::at(double few_batches) const {
  DialWeights weights = usual;
  for_each_value([&](double& value, double added) { value += few_batches * added; }, weights, few);
  return weights;
}

}  // namespace widepipe::schedule
