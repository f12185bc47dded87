// The functions of hwy_unary, element by element, against those of the standard library in f64.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/hwy_unary_loops.h"

namespace widepipe::kernels::testing {
namespace {

struct MathCase {
  std::string name;
  UnaryFunction function;
  double (*expected)(double);
  float lo;
  float hi;
};

/// Of the result's size; results that f32 holds with fewer digits may be off by one of those.
constexpr double kRelative = 6e-7;
constexpr double kAbsolute = 2e-45;

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double hard_sigmoid(double x) { return std::clamp(0.25 * x + 0.5, 0.0, 1.0); }
double hard_swish(double x) { return x * std::clamp(x / 6.0 + 0.5, 0.0, 1.0); }

const std::vector<MathCase>& cases() {
  static const std::vector<MathCase> cases = {
      {"erf", UnaryFunction::kErf, [](double x) { return std::erf(x); }, -6, 6},
      {"exp", UnaryFunction::kExp, [](double x) { return std::exp(x); }, -87, 88.7F},
      {"hard sigmoid", UnaryFunction::kHardSigmoid, hard_sigmoid, -1.5F, 4},
      {"hard swish", UnaryFunction::kHardSwish, hard_swish, -2.5F, 9},
      {"sigmoid", UnaryFunction::kSigmoid, sigmoid, -87, 100},
      {"tanh", UnaryFunction::kTanh, [](double x) { return std::tanh(x); }, -12, 12},
  };
  return cases;
}

std::vector<float> results(UnaryFunction function, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  unary_all(function, 0.25F, 0.5F, x.data(), y.data(), x.size());
  return y;
}

TEST(VectorMath, IsGoodToTheLastDigits) {
  for (const MathCase& math : cases()) {
    SCOPED_TRACE(math.name);
    std::vector<float> x;
    constexpr int kSteps = 200001;  // not a multiple of any vector
    for (int i = 0; i < kSteps; ++i) {
      x.push_back(math.lo + (math.hi - math.lo) * static_cast<float>(i) / (kSteps - 1));
    }
    for (float tiny = 1e-30F; tiny < 1e-2F; tiny *= 1.7F) x.insert(x.end(), {tiny, -tiny});
    const std::vector<float> y = results(math.function, x);
    double worst = 0.0;
    float worst_at = 0.0F;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = math.expected(x[i]);
      const double error = std::abs(y[i] - expected) - kAbsolute;
      const double relative = error <= 0.0 ? 0.0 : error / std::abs(expected);
      if (relative > worst) {
        worst = relative;
        worst_at = x[i];
      }
    }
    EXPECT_LE(worst, kRelative) << "at " << worst_at;
  }
}

TEST(VectorMath, EndsAndNan) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> ends = {-kInfinity, -1000.0F, 1000.0F, kInfinity};
  const struct {
    UnaryFunction function;
    std::vector<float> expected;
  } at_ends[] = {
      {UnaryFunction::kErf, {-1, -1, 1, 1}},
      {UnaryFunction::kExp, {0, 0, kInfinity, kInfinity}},
      {UnaryFunction::kHardSigmoid, {0, 0, 1, 1}},
      {UnaryFunction::kSigmoid, {0, 0, 1, 1}},
      {UnaryFunction::kTanh, {-1, -1, 1, 1}},
  };
  for (const auto& [function, expected] : at_ends) EXPECT_EQ(results(function, ends), expected);
  for (const MathCase& math : cases()) {
    for (const float y : results(math.function, std::vector<float>(19, std::nanf("")))) {
      EXPECT_TRUE(std::isnan(y)) << math.name;
    }
  }
}

// What does not fill a vector must not be computed in another way.
TEST(VectorMath, ThePlaceOfAnElementDoesNotMatter) {
  std::vector<float> x;
  for (int i = 0; i < 40; ++i) x.push_back(0.37F * static_cast<float>(i) - 7.0F);
  for (const MathCase& math : cases()) {
    const std::vector<float> together = results(math.function, x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(results(math.function, {x[i]})[0], together[i]) << math.name << " of " << x[i];
    }
  }
}

}  // namespace
}  // namespace widepipe::kernels::testing
