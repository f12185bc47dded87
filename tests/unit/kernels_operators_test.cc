// Reference kernels where ONNX's own cases say little: types, ends of ranges, NaN, and operators
// that have no case there. The numbers are NumPy's.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/unit/operator_case.h"

namespace widepipe::kernels::testing {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kOne = 1;

Numbers f32(Shape shape, std::vector<double> values) {
  return {DType::kF32, std::move(shape), std::move(values)};
}
Numbers list(DType dtype, std::vector<double> values) {
  return {dtype, {static_cast<std::int64_t>(values.size())}, values};
}
Numbers f32(std::vector<double> values) { return list(DType::kF32, std::move(values)); }
Numbers i64(std::vector<double> values) { return list(DType::kI64, std::move(values)); }
Numbers i32(std::vector<double> values) { return list(DType::kI32, std::move(values)); }
Numbers i8(std::vector<double> values) { return list(DType::kI8, std::move(values)); }
Numbers u8(std::vector<double> values) { return list(DType::kU8, std::move(values)); }
Numbers truth(std::vector<double> values) { return list(DType::kBool, std::move(values)); }

void check(const std::vector<OperatorCase>& cases) {
  for (const OperatorCase& operator_case : cases) expect_outputs(operator_case);
}

TEST(Operators, IntegerArithmeticWrapsAndNeverTraps) {
  const double lowest = std::numeric_limits<std::int32_t>::min();
  check({
      {"wraps", "Sub", 14, {}, {i8({-128, 5}), i8({1, 7})}, {i8({127, -2})}},
      {"wraps", "Mul", 14, {}, {u8({200, 3}), u8({2, 7})}, {u8({144, 21})}},
      {"cuts", "Div", 14, {}, {i32({7, -7, 7, -7}), i32({2, 2, -2, -2})}, {i32({3, -3, -3, 3})}},
      {"by 0", "Div", 14, {}, {i32({7, lowest}), i32({0, -1})}, {i32({0, lowest})}},
      {"sign of B",
       "Mod",
       13,
       {},
       {i32({7, -7, 7, -7}), i32({3, 3, -3, -3})},
       {i32({1, 2, -2, -1})}},
      {"sign of A",
       "Mod",
       13,
       with({{"fmod", kOne}}),
       {i32({7, -7, 7, -7}), i32({3, 3, -3, -3})},
       {i32({1, -1, 1, -1})}},
      {"by 0 and -1", "Mod", 13, {}, {i32({7, lowest}), i32({0, -1})}, {i32({0, 0})}},
      {"", "Abs", 13, {}, {i8({-128, -3, 4})}, {i8({-128, 3, 4})}},
      {"", "Neg", 13, {}, {i8({-128, -3, 4})}, {i8({-128, 3, -4})}},
      {"", "Sign", 13, {}, {i64({-9, 0, 4})}, {i64({-1, 0, 1})}},
  });
}

TEST(Operators, PowersOfMixedTypes) {
  check({
      {"integers",
       "Pow",
       13,
       {},
       {i64({2, -3, 0, 7}), i32({10, 3, 0, 0})},
       {i64({1024, -27, 1, 1})}},
      {"negative exponents",
       "Pow",
       13,
       {},
       {i32({1, -1, -1, 2, 0}), i32({-5, -5, -4, -1, -2})},
       {i32({1, -1, 1, 0, 0})}},
      {"beyond i32",
       "Pow",
       13,
       {},
       {i32({2, 10}), f32({40, -1})},
       {i32({std::numeric_limits<std::int32_t>::max(), 0})}},
      {"of a float", "Pow", 13, {}, {f32({2, -3, 0.5}), i64({-2, 3, 2})}, {f32({0.25, -27, 0.25})}},
      {"version 6 with axis",
       "Pow",
       6,
       with({{"broadcast", kOne}, {"axis", std::int64_t{0}}}),
       {f32({2, 2}, {1, 2, 3, 4}), f32({2, 3})},
       {f32({2, 2}, {1, 4, 27, 64})}},
  });
}

TEST(Operators, CastsBetweenAllKinds) {
  const double highest = std::numeric_limits<std::int32_t>::max();
  const double lowest = std::numeric_limits<std::int32_t>::min();
  check({
      {"cut off", "Cast", 13, {}, {f32({1.9, -1.9, 0.5})}, {i64({1, -1, 0})}},
      {"out of range",
       "Cast",
       13,
       {},
       {f32({3e9, -3e9, kInfinity, kNan})},
       {i32({highest, lowest, highest, 0})}},
      {"to unsigned", "Cast", 13, {}, {f32({-1, 255.9, 300})}, {u8({0, 255, 255})}},
      {"keeps the low bits", "Cast", 13, {}, {i64({257, -1, -129})}, {i8({1, -1, 127})}},
      {"to bool", "Cast", 13, {}, {f32({0, -0.0, 0.25, kNan})}, {truth({0, 0, 1, 1})}},
      {"of bool", "Cast", 13, {}, {truth({0, 1})}, {f32({0, 1})}},
      {"to f64", "Cast", 13, {}, {i32({-7})}, {list(DType::kF64, {-7})}},
      {"like", "CastLike", 15, {}, {f32({2.5}), i32({0, 0})}, {i32({2})}},
  });
}

TEST(Operators, NanReachesWhatItShould) {
  check({
      {"", "Max", 13, {}, {f32({1, kNan, 3}), f32({kNan, 2, 2})}, {f32({kNan, kNan, 3})}},
      {"", "Min", 13, {}, {f32({1, kNan, 3}), f32({kNan, 2, 2})}, {f32({kNan, kNan, 2})}},
      {"", "ReduceMax", 13, {}, {f32({1, 3}, {1, kNan, 3})}, {f32({1, 1}, {kNan})}},
      {"", "ReduceMin", 13, {}, {f32({1, 3}, {1, kNan, 3})}, {f32({1, 1}, {kNan})}},
      {"", "Sign", 13, {}, {f32({kNan, -2})}, {f32({kNan, -1})}},
      {"", "HardSigmoid", 13, {}, {f32({kNan, 9})}, {f32({kNan, 1})}},
      {"", "PRelu", 13, {}, {f32({kNan, -2}), f32({0.5})}, {f32({kNan, -1})}},
      {"", "Equal", 13, {}, {f32({kNan, 1}), f32({kNan, 1})}, {truth({0, 1})}},
      {"", "Equal", 13, {}, {truth({0, 1}), truth({1, 1})}, {truth({0, 1})}},
      {"", "Where", 16, {}, {truth({1, 0}), f32({kNan, kNan}), f32({1, 2})}, {f32({kNan, 2})}},
  });
}

TEST(Operators, FunctionsAtTheirEnds) {
  check({
      {"",
       "Gelu",
       20,
       {},
       {f32({-2, -0.5, 0, 1, 3})},
       {f32({-0.04550026, -0.15426877, 0, 0.84134475, 2.9959503})}},
      {"by tanh",
       "Gelu",
       20,
       with({{"approximate", "tanh"}}),
       {f32({-2, -0.5, 0, 1, 3})},
       {f32({-0.04540231, -0.15428599, 0, 0.84119199, 2.99636261})}},
      {"",
       "Mish",
       18,
       {},
       {f32({-2, -0.5, 0, 1, 3})},
       {f32({-0.25250148, -0.22074377, 0, 0.86509839, 2.986535})}},
      {"", "Softplus", 1, {}, {f32({-200, 0, 200})}, {f32({0, std::log(2.0), 200})}},
      {"", "Sigmoid", 13, {}, {f32({-200, 0, 200})}, {f32({0, 0.5, 1})}},
      {"to even", "Round", 11, {}, {f32({0.5, 1.5, 2.5, -0.5, -1.5})}, {f32({0, 2, 2, 0, -2})}},
      {"version 1", "Selu", 6, {}, {f32({-1, 1})}, {f32({-1.1113307, 1.0507009})}},
      {"in f64", "Sqrt", 13, {}, {list(DType::kF64, {2})}, {list(DType::kF64, {std::sqrt(2.0)})}},
  });
}

TEST(Operators, Reductions) {
  const Numbers x = f32({2, 3}, {1, -2, 3, -4, 5, -6});
  const auto keep = with({{"keepdims", std::int64_t{0}}, {"axes", Shape{-1}}});
  check({
      {"axes as input", "ReduceSum", 13, {}, {x, i64({0})}, {f32({1, 3}, {-3, 3, -3})}},
      {"no axes: all", "ReduceSum", 13, {}, {x}, {f32({1, 1}, {-3})}},
      {"no axes: none", "ReduceSum", 13, with({{"noop_with_empty_axes", kOne}}), {x}, {x}},
      {"no axes: each alone",
       "ReduceL1",
       18,
       with({{"noop_with_empty_axes", kOne}}),
       {x},
       {f32({2, 3}, {1, 2, 3, 4, 5, 6})}},
      {"", "ReduceMean", 11, keep, {{DType::kI32, {1, 3}, {7, -4, 5}}}, {i32({2})}},
      {"", "ReduceProd", 11, keep, {{DType::kU8, {1, 2}, {200, 2}}}, {u8({144})}},
      {"large",
       "ReduceLogSumExp",
       11,
       keep,
       {f32({1, 2}, {1000, 1000})},
       {f32({1000 + std::log(2.0)})}},
      {"nothing but -inf",
       "ReduceLogSumExp",
       11,
       keep,
       {f32({1, 2}, {-kInfinity, -kInfinity})},
       {f32({-kInfinity})}},
      {"apart axes",
       "ReduceSum",
       11,
       with({{"axes", Shape{0, 2}}}),
       {f32({2, 2, 2}, {1, 2, 3, 4, 10, 20, 30, 40})},
       {f32({1, 2, 1}, {33, 77})}},
      {"of integers",
       "ArgMax",
       13,
       with({{"axis", kOne}}),
       {{DType::kI32, {2, 3}, {1, 9, 9, 5, 2, 1}}},
       {{DType::kI64, {2, 1}, {1, 0}}}},
      {"last",
       "ArgMin",
       13,
       with({{"axis", kOne}, {"select_last_index", kOne}}),
       {f32({1, 3}, {2, 2, 7})},
       {{DType::kI64, {1, 1}, {1}}}},
  });
}

TEST(Operators, Normalizations) {
  const double root = std::sqrt(1.25);  // of the variance of 1, 2, 3, 4
  check({
      {"", "LpNormalization", 1, {}, {f32({2, 2}, {3, 4, 0, 0})}, {f32({2, 2}, {0.6, 0.8, 0, 0})}},
      {"p 1, axis 0",
       "LpNormalization",
       1,
       with({{"p", kOne}, {"axis", std::int64_t{0}}}),
       {f32({2, 2}, {3, 4, -1, 0})},
       {f32({2, 2}, {0.75, 1, -0.25, 0})}},
      {"a scale for each group",
       "GroupNormalization",
       18,
       with({{"num_groups", kOne}, {"epsilon", 0.0F}}),
       {f32({1, 2, 2}, {1, 2, 3, 4}), f32({2}), f32({1})},
       {f32({1, 2, 2}, {1 - 3 / root, 1 - 1 / root, 1 + 1 / root, 1 + 3 / root})}},
      {"a scale for each channel",
       "GroupNormalization",
       21,
       with({{"num_groups", kOne}, {"epsilon", 0.0F}}),
       {f32({1, 2, 2}, {1, 2, 3, 4}), f32({2, 4}), f32({1, 0})},
       {f32({1, 2, 2}, {1 - 3 / root, 1 - 1 / root, 2 / root, 6 / root})}},
      {"scalar scale, no bias",
       "LayerNormalization",
       17,
       with({{"epsilon", 0.0F}}),
       {f32({1, 4}, {1, 2, 3, 4}), f32({2})},
       {f32({1, 4}, {-3 / root, -1 / root, 1 / root, 3 / root}), f32({1, 1}, {2.5}),
        f32({1, 1}, {1 / root})}},
      {"version 11 flattens",
       "Hardmax",
       11,
       {},
       {f32({1, 2, 2}, {1, 7, 7, 2})},
       {f32({1, 2, 2}, {0, 1, 0, 0})}},
      {"even size looks ahead",
       "LRN",
       13,
       with({{"size", std::int64_t{2}}, {"alpha", 2.0F}, {"beta", 1.0F}}),
       {f32({1, 3, 1}, {1, 2, 3})},
       {f32({1, 3, 1}, {1 / 6.0, 2 / 14.0, 3 / 10.0})}},
  });
}

TEST(Operators, DeclineWithTheReason) {
  const struct {
    OperatorCase spec;
    std::string reason;
  } cases[] = {
      {{"", "Add", 13, {}, {truth({1}), truth({1})}, {truth({1})}},
       "no code for elements of type bool"},
      {{"", "Mod", 13, {}, {f32({1}), f32({1})}, {f32({1})}},
       "attribute fmod: expected 1 for elements of type f32, found 0"},
      {{"", "And", 13, {}, {f32({1}), f32({1})}, {truth({1})}}, "no code for elements of type f32"},
      {{"", "Less", 13, {}, {truth({1}), truth({1})}, {truth({1})}},
       "no code for elements of type bool"},
      {{"", "Sum", 13, {}, {i64({1}), i64({1})}, {i64({1})}}, "no code for elements of type i64"},
      {{"", "Pow", 13, {}, {f32({1}), truth({1})}, {f32({1})}}, "input 1: no power of type bool"},
      {{"", "Exp", 13, {}, {i64({1})}, {i64({1})}}, "no code for elements of type i64"},
      {{"", "Not", 13, {}, {f32({1})}, {truth({1})}}, "no code for elements of type f32"},
      {{"", "Gelu", 20, with({{"approximate", "fast"}}), {f32({1})}, {f32({1})}},
       "attribute approximate: expected none or tanh, found fast"},
      {{"", "Where", 16, {}, {f32({1}), f32({1}), f32({1})}, {f32({1})}},
       "input 0: expected bool, found f32"},
      {{"", "ReduceL2", 13, {}, {i64({1})}, {i64({1})}}, "no code for elements of type i64"},
      {{"", "ReduceSum", 13, {}, {f32({1}), i64({3})}, {f32({1})}},
       "axis 3 is outside a tensor of rank 1"},
      {{"", "ReduceSum", 11, with({{"axes", Shape{0, -1}}}), {f32({1})}, {f32({1})}},
       "axis -1 is named twice"},
      {{"", "LRN", 13, {}, {f32({1, 1, 1}, {1})}, {f32({1, 1, 1}, {1})}},
       "attribute size: expected at least 1 channel, found 0"},
      {{"", "LpNormalization", 13, with({{"p", std::int64_t{3}}}), {f32({1})}, {f32({1})}},
       "attribute p: expected 1 or 2, found 3"},
      {{"",
        "GroupNormalization",
        21,
        with({{"num_groups", std::int64_t{2}}}),
        {f32({1, 3, 1}, {1, 2, 3}), f32({1, 1, 1}), f32({1, 1, 1})},
        {f32({1, 3, 1}, {1, 2, 3})}},
       "attribute num_groups: expected a divisor of the 3 channels, found 2"},
      {{"",
        "InstanceNormalization",
        6,
        {},
        {f32({1, 3, 1}, {1, 2, 3}), f32({1}), f32({1})},
        {f32({1, 3, 1}, {1, 2, 3})}},
       "input 1: expected shape [3], found [1]"},
      {{"",
        "LayerNormalization",
        17,
        {},
        {f32({1, 3}, {1, 2, 3}), f32({1, 1})},
        {f32({1, 3}, {1, 2, 3})}},
       "shape [2] cannot be broadcast to [3]"},
  };
  for (const auto& [spec, reason] : cases) EXPECT_EQ(decline_of(spec), reason) << spec.op;
}

}  // namespace
}  // namespace widepipe::kernels::testing
