// The reference kernels against numbers worked out by hand from the ONNX definitions.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/registry.h"
#include "tests/unit/kernel_harness.h"

namespace widepipe::kernels::testing {
namespace {

using Values = std::vector<float>;

struct Given {
  Shape shape;
  Values values;
};

struct ReferenceCase {
  std::string name;
  std::string op;
  int version;
  Attributes attributes;
  std::vector<Given> inputs;
  Shape shape;
  Values expected;
  Activation activation = {};
};

Attributes with(std::initializer_list<std::pair<std::string, Attributes::Value>> values) {
  Attributes attributes;
  for (const auto& [name, value] : values) attributes.set(name, value);
  return attributes;
}

Values ramp(int count) {
  Values values;
  for (int i = 1; i <= count; ++i) values.push_back(static_cast<float>(i));
  return values;
}

const Shape k22 = {2, 2};
const Values kOnes4 = {1, 1, 1, 1};
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::int64_t kOne = 1;

std::vector<ReferenceCase> conv_cases() {
  return {
      {"bias and relu",
       "Conv",
       11,
       {},
       {{{1, 1, 3}, {1, -2, 3}}, {{2, 1, 1}, {1, -1}}, {{2}, {0.5F, 0}}},
       {1, 2, 3},
       {1.5F, 0, 3.5F, 0, 2, 0},
       {.kind = Activation::Kind::kRelu}},
      {"2x2 sums",
       "Conv",
       11,
       {},
       {{{1, 1, 3, 3}, ramp(9)}, {{1, 1, 2, 2}, kOnes4}},
       {1, 1, 2, 2},
       {12, 16, 24, 28}},
      {"SAME_UPPER pads the end",
       "Conv",
       11,
       with({{"auto_pad", "SAME_UPPER"}}),
       {{{1, 1, 3}, {1, 2, 3}}, {{1, 1, 2}, {1, 10}}},
       {1, 1, 3},
       {21, 32, 3}},
      {"SAME_LOWER pads the begin",
       "Conv",
       11,
       with({{"auto_pad", "SAME_LOWER"}}),
       {{{1, 1, 3}, {1, 2, 3}}, {{1, 1, 2}, {1, 10}}},
       {1, 1, 3},
       {10, 21, 32}},
      {"asymmetric pads, stride 2",
       "Conv",
       11,
       with({{"pads", Shape{0, 1}}, {"strides", Shape{2}}}),
       {{{1, 1, 4}, {1, 2, 3, 4}}, {{1, 1, 3}, {1, 10, 100}}},
       {1, 1, 2},
       {321, 43}},
      {"dilation 2",
       "Conv",
       11,
       with({{"dilations", Shape{2}}}),
       {{{1, 1, 4}, {1, 2, 3, 4}}, {{1, 1, 2}, {1, 10}}},
       {1, 1, 2},
       {31, 42}},
      {"two groups",
       "Conv",
       11,
       with({{"group", std::int64_t{2}}}),
       {{{1, 2, 2}, {1, 2, 3, 4}}, {{2, 1, 1}, {10, 100}}},
       {1, 2, 2},
       {10, 20, 300, 400}},
      {"three axes",
       "Conv",
       11,
       {},
       {{{1, 1, 2, 2, 2}, ramp(8)}, {{1, 1, 2, 2, 2}, Values(8, 1)}},
       {1, 1, 1, 1, 1},
       {36}},
  };
}

std::vector<ReferenceCase> pool_cases() {
  const auto window = [](std::initializer_list<std::pair<std::string, Attributes::Value>> more) {
    Attributes attributes = with(more);
    attributes.set("kernel_shape", Shape{2});
    return attributes;
  };
  return {
      {"max 2x2",
       "MaxPool",
       12,
       with({{"kernel_shape", k22}}),
       {{{1, 1, 3, 3}, ramp(9)}},
       {1, 1, 2, 2},
       {5, 6, 8, 9}},
      {"max ignores padding",
       "MaxPool",
       12,
       window({{"pads", Shape{1, 1}}}),
       {{{1, 1, 2}, {-3, -5}}},
       {1, 1, 3},
       {-3, -3, -5}},
      {"max with dilation",
       "MaxPool",
       12,
       window({{"dilations", Shape{2}}}),
       {{{1, 1, 4}, {4, 9, 1, 3}}},
       {1, 1, 2},
       {4, 9}},
      {"max rounded down",
       "MaxPool",
       12,
       window({{"strides", Shape{2}}}),
       {{{1, 1, 3}, {1, 2, 3}}},
       {1, 1, 1},
       {2}},
      {"max rounded up",
       "MaxPool",
       12,
       window({{"strides", Shape{2}}, {"ceil_mode", kOne}}),
       {{{1, 1, 3}, {1, 2, 3}}},
       {1, 1, 2},
       {2, 3}},
      {"average without padding",
       "AveragePool",
       11,
       window({{"pads", Shape{1, 1}}}),
       {{{1, 1, 2}, {2, 4}}},
       {1, 1, 3},
       {2, 3, 4}},
      {"average with padding",
       "AveragePool",
       11,
       window({{"pads", Shape{1, 1}}, {"count_include_pad", kOne}}),
       {{{1, 1, 2}, {2, 4}}},
       {1, 1, 3},
       {1, 3, 2}},
      {"average does not count what ceil_mode adds",
       "AveragePool",
       11,
       window({{"strides", Shape{2}}, {"ceil_mode", kOne}, {"count_include_pad", kOne}}),
       {{{1, 1, 3}, {2, 4, 8}}},
       {1, 1, 2},
       {3, 8}},
      {"average SAME_UPPER",
       "AveragePool",
       11,
       window({{"auto_pad", "SAME_UPPER"}}),
       {{{1, 1, 2}, {2, 4}}},
       {1, 1, 2},
       {3, 4}},
      {"global average",
       "GlobalAveragePool",
       1,
       {},
       {{{1, 2, 2}, {1, 3, 5, 9}}},
       {1, 2, 1},
       {2, 7}},
  };
}

std::vector<ReferenceCase> product_cases() {
  const Values a = {1, 2, 3, 4};  // [[1, 2], [3, 4]]
  const Values b = {5, 6, 7, 8};  // [[5, 6], [7, 8]]
  return {
      {"product", "Gemm", 13, {}, {{k22, a}, {k22, b}}, k22, {19, 22, 43, 50}},
      {"A transposed",
       "Gemm",
       13,
       with({{"transA", kOne}}),
       {{k22, a}, {k22, b}},
       k22,
       {26, 30, 38, 44}},
      {"B transposed",
       "Gemm",
       13,
       with({{"transB", kOne}}),
       {{k22, a}, {k22, b}},
       k22,
       {17, 23, 39, 53}},
      {"alpha, beta, row",
       "Gemm",
       13,
       with({{"alpha", 2.0F}, {"beta", 0.5F}}),
       {{k22, a}, {k22, b}, {{2}, {2, 4}}},
       k22,
       {39, 46, 87, 102}},
      {"column",
       "Gemm",
       13,
       {},
       {{k22, a}, {k22, b}, {{2, 1}, {100, 200}}},
       k22,
       {119, 122, 243, 250}},
      {"scalar", "Gemm", 13, {}, {{k22, a}, {k22, b}, {{}, {1}}}, k22, {20, 23, 44, 51}},
      {"absorbed Flatten",
       "Gemm",
       13,
       {},
       {{{1, 2, 1, 2}, a}, {{4, 1}, {1, 10, 100, 1000}}},
       {1, 1},
       {4321}},
      {"matrices", "MatMul", 13, {}, {{k22, a}, {k22, b}}, k22, {19, 22, 43, 50}},
      {"stack by matrix",
       "MatMul",
       13,
       {},
       {{{2, 1, 2}, a}, {k22, b}},
       {2, 1, 2},
       {19, 22, 43, 50}},
      {"broadcast stacks",
       "MatMul",
       13,
       {},
       {{{2, 1, 1, 2}, a}, {{2, 2, 1}, b}},
       {2, 2, 1, 1},
       {17, 23, 39, 53}},
      {"vector by matrix", "MatMul", 13, {}, {{{2}, {1, 2}}, {k22, b}}, {2}, {19, 22}},
      {"matrix by vector", "MatMul", 13, {}, {{k22, a}, {{2}, {5, 6}}}, {2}, {17, 39}},
      {"vectors", "MatMul", 13, {}, {{{2}, {1, 2}}, {{2}, {5, 6}}}, {}, {17}},
  };
}

std::vector<ReferenceCase> other_cases() {
  const float e = std::exp(1.0F);
  const float small = 1.0F / (1.0F + e);
  const float large = e / (1.0F + e);
  return {
      {"", "Relu", 13, {}, {{{3}, {-1, 0, 2}}}, {3}, {0, 0, 2}},
      {"attributes",
       "Clip",
       6,
       with({{"min", -1.0F}, {"max", 1.0F}}),
       {{{3}, {-2, 0, 2}}},
       {3},
       {-1, 0, 1}},
      {"inputs", "Clip", 13, {}, {{{3}, {-2, 0, 2}}, {{}, {-1}}, {{}, {1}}}, {3}, {-1, 0, 1}},
      {"only min", "Clip", 13, {}, {{{3}, {-2, 0, 2}}, {{}, {-1}}}, {3}, {-1, 0, 2}},
      {"no limits", "Clip", 13, {}, {{{3}, {-kInfinity, 0, 2}}}, {3}, {-kInfinity, 0, 2}},
      {"broadcast both",
       "Add",
       13,
       {},
       {{{2, 1}, {1, 2}}, {{3}, {10, 20, 30}}},
       {2, 3},
       {11, 21, 31, 12, 22, 32}},
      {"scalars", "Add", 13, {}, {{{}, {1}}, {{}, {2}}}, {}, {3}},
      {"axis of version 6",
       "Add",
       6,
       with({{"broadcast", kOne}, {"axis", std::int64_t{0}}}),
       {{{2, 3}, ramp(6)}, {{2}, {10, 20}}},
       {2, 3},
       {11, 12, 13, 24, 25, 26}},
      {"",
       "BatchNormalization",
       9,
       with({{"epsilon", 0.0F}}),
       {{{1, 2, 2}, {1, 2, 3, 4}}, {{2}, {1, 2}}, {{2}, {0, 1}}, {{2}, {1, 3}}, {{2}, {1, 4}}},
       {1, 2, 2},
       {0, 1, 1, 2}},
      {"", "Flatten", 13, {}, {{{2, 1, 2}, {1, 2, 3, 4}}}, {2, 2}, {1, 2, 3, 4}},
      {"", "Identity", 13, {}, {{{2}, {1, 2}}}, {2}, {1, 2}},
      {"last axis",
       "Softmax",
       13,
       {},
       {{{2, 2}, {0, 1, 5, 5}}},
       {2, 2},
       {small, large, 0.5F, 0.5F}},
      {"axis 0",
       "Softmax",
       13,
       with({{"axis", std::int64_t{0}}}),
       {{{2, 2}, {0, 5, 1, 5}}},
       {2, 2},
       {small, 0.5F, large, 0.5F}},
      {"version 11 flattens",
       "Softmax",
       11,
       {},
       {{{1, 2, 2}, {7, 7, 7, 7}}},
       {1, 2, 2},
       {0.25F, 0.25F, 0.25F, 0.25F}},
      {"large values", "Softmax", 13, {}, {{{2}, {1000, 1000}}}, {2}, {0.5F, 0.5F}},
  };
}

void expect_values(const ReferenceCase& reference) {
  SCOPED_TRACE(reference.op + " " + reference.name);
  CaseSpec spec{.name = reference.name,
                .op = reference.op,
                .version = reference.version,
                .attributes = reference.attributes,
                .inputs = {},
                .output = reference.shape,
                .activation = reference.activation};
  for (const Given& given : reference.inputs) spec.inputs.push_back({given.shape});
  CaseData data(spec);
  for (std::size_t i = 0; i < reference.inputs.size(); ++i) {
    const Values& values = reference.inputs[i].values;
    ASSERT_EQ(data.input(i).as<float>().size(), values.size());
    std::copy(values.begin(), values.end(), data.input(i).as<float>().begin());
  }
  const Tensor found = reference_output(data);
  ASSERT_EQ(found.as<float>().size(), reference.expected.size());
  for (std::size_t i = 0; i < reference.expected.size(); ++i) {
    EXPECT_FLOAT_EQ(found.as<float>()[i], reference.expected[i]) << "element " << i;
  }
}

TEST(Reference, Conv) {
  for (const ReferenceCase& reference : conv_cases()) expect_values(reference);
}
TEST(Reference, Pool) {
  for (const ReferenceCase& reference : pool_cases()) expect_values(reference);
}
TEST(Reference, Product) {
  for (const ReferenceCase& reference : product_cases()) expect_values(reference);
}
TEST(Reference, Other) {
  for (const ReferenceCase& reference : other_cases()) expect_values(reference);
}

template <typename T>
void expect_integer_add(DType dtype, T a, T b, T expected) {
  SCOPED_TRACE(name_of(dtype));
  CaseData data({.name = "Add",
                 .op = "Add",
                 .version = 14,
                 .attributes = {},
                 .inputs = {{{1}, false, dtype}, {{1}, false, dtype}},
                 .output = {1},
                 .activation = {},
                 .output_dtype = dtype});
  data.input(0).as<T>()[0] = a;
  data.input(1).as<T>()[0] = b;
  EXPECT_EQ(reference_output(data).as<T>()[0], expected);
}

TEST(Reference, AddOfOtherTypes) {
  expect_integer_add<std::int64_t>(DType::kI64, 1LL << 40, 2, (1LL << 40) + 2);
  expect_integer_add<std::int32_t>(DType::kI32, std::numeric_limits<std::int32_t>::max(), 1,
                                   std::numeric_limits<std::int32_t>::min());
  expect_integer_add<std::uint8_t>(DType::kU8, 250, 10, 4);
  expect_integer_add<double>(DType::kF64, 0.5, 0.25, 0.75);
}

TEST(Reference, MaxPoolOfBytes) {
  CaseData data({.name = "MaxPool",
                 .op = "MaxPool",
                 .version = 12,
                 .attributes = with({{"kernel_shape", Shape{2}}}),
                 .inputs = {{{1, 1, 3}, false, DType::kI8}},
                 .output = {1, 1, 2},
                 .activation = {},
                 .output_dtype = DType::kI8});
  const auto x = data.input(0).as<std::int8_t>();
  x[0] = -100;
  x[1] = -120;
  x[2] = 7;
  const Tensor found = reference_output(data);
  EXPECT_EQ(found.as<std::int8_t>()[0], -100);
  EXPECT_EQ(found.as<std::int8_t>()[1], 7);
}

}  // namespace
}  // namespace widepipe::kernels::testing
