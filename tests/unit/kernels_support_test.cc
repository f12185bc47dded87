// What kernels decline, and with which words.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

#include "kernels/registry.h"
#include "tests/unit/kernel_cases.h"
#include "tests/unit/kernel_harness.h"

namespace widepipe::kernels::testing {
namespace {

struct DeclineCase {
  std::string_view kernel;
  CaseSpec spec;
  std::string_view reason;
};

template <typename Change>
CaseSpec changed(CaseSpec spec, const Change& change) {
  change(spec);
  return spec;
}

CaseSpec conv() { return conv_case({.x = {1, 8, 9, 9}, .out_channels = 8, .kernel = {3, 3}}); }
CaseSpec gemm() { return gemm_case({.a = {4, 6}, .columns = 5, .c = {5}}); }
CaseSpec max_pool() { return pool_case({.op = "MaxPool", .x = {1, 8, 9, 9}, .kernel = {3, 3}}); }

CaseSpec plain_case(std::string op, std::vector<InputSpec> inputs, Shape output, int version = 13) {
  return {.name = op,
          .op = op,
          .version = version,
          .attributes = {},
          .inputs = std::move(inputs),
          .output = std::move(output),
          .activation = {}};
}

CaseSpec batch_normalization(int version = 15) {
  return plain_case("BatchNormalization", {{{2, 3, 4}}, {{3}}, {{3}}, {{3}}, {{3}}}, {2, 3, 4},
                    version);
}

std::vector<DeclineCase> conv_declines() {
  return {
      {"onednn_conv", changed(conv(), [](CaseSpec& s) { s.inputs[1].constant = false; }),
       "W is not a constant"},
      {"onednn_conv", changed(conv(), [](CaseSpec& s) { s.inputs[2].constant = false; }),
       "B is not a constant"},
      {"onednn_conv",
       conv_case({.x = {1, 12, 9, 9}, .out_channels = 12, .kernel = {3, 3}, .group = 2}),
       "oneDNN has no direct convolution from 12 to 12 channels in 2 groups"},
      {"ref_conv", changed(conv(), [](CaseSpec& s) { s.inputs[0].dtype = DType::kF64; }),
       "input 0: expected f32, found f64"},
      {"ref_conv", changed(conv(), [](CaseSpec& s) { s.output_dtype = DType::kI32; }),
       "output 0: expected f32, found i32"},
      {"ref_conv", changed(conv(), [](CaseSpec& s) { s.inputs.resize(1); }), "input 1 is missing"},
      {"ref_conv", changed(conv(), [](CaseSpec& s) { s.inputs[2].shape = {7}; }),
       "B: expected shape [8], found [7]"},
      {"ref_conv", changed(conv(), [](CaseSpec& s) { s.attributes.set("group", std::int64_t{3}); }),
       "X [1, 8, 9, 9], W [8, 8, 3, 3] and Y [1, 8, 7, 7] do not fit with group 3"},
      {"ref_conv",
       changed(conv(),
               [](CaseSpec& s) {
                 s.attributes.set("kernel_shape", Shape{5, 5});
               }),
       "attribute kernel_shape: expected [3, 3] as W has it, found [5, 5]"},
      {"ref_conv",
       changed(conv(),
               [](CaseSpec& s) {
                 s.attributes.set("strides", Shape{0, 1});
               }),
       "attribute strides: expected 2 values of at least 1, found [0, 1]"},
      {"ref_conv",
       changed(conv(), [](CaseSpec& s) { s.attributes.set("auto_pad", std::string("BOTH")); }),
       "attribute auto_pad: expected NOTSET, SAME_UPPER, SAME_LOWER or VALID, found BOTH"},
      {"ref_conv",
       changed(conv(),
               [](CaseSpec& s) {
                 s.output = {1, 8, 9, 7};
               }),
       "spatial axis 0: a window of 3 taps, stride 1, dilation 1, pads 0 and 0 does not map 9 "
       "inputs to 9 outputs"},
      {"ref_conv", conv_case({.x = {1, 2, 3, 3, 3, 3}, .out_channels = 2, .kernel = {1, 1, 1, 1}}),
       "expected at most 3 spatial axes, found 4"},
  };
}

std::vector<DeclineCase> pool_declines() {
  return {
      {"hwy_pool", changed(max_pool(), [](CaseSpec& s) { s.activation = kRelu; }),
       "cannot fuse an activation"},
      {"hwy_pool", changed(max_pool(), [](CaseSpec& s) { s.inputs[0].dtype = DType::kU8; }),
       "input 0: expected f32, found u8"},
      {"hwy_pool", pool_case({.op = "MaxPool", .x = {1, 1, 4}, .kernel = {2}, .pads = {2, 0}}),
       "spatial axis 0: a window lies wholly in the padding"},
      {"ref_pool", changed(max_pool(), [](CaseSpec& s) { s.inputs[0].dtype = DType::kI64; }),
       "no code for elements of type i64"},
      {"ref_pool",
       changed(max_pool(),
               [](CaseSpec& s) {
                 s.output = {1, 7, 7, 7};
               }),
       "expected X and Y of one rank of at least 3 and of the same batch and channels, found "
       "[1, 8, 9, 9] and [1, 7, 7, 7]"},
  };
}

std::vector<DeclineCase> dense_declines() {
  return {
      {"hwy_gemm", changed(gemm(), [](CaseSpec& s) { s.inputs[1].constant = false; }),
       "B is not a constant"},
      {"hwy_gemm", changed(gemm(), [](CaseSpec& s) { s.inputs[2].constant = false; }),
       "C is not a constant"},
      {"hwy_gemm",
       changed(gemm(), [](CaseSpec& s) { s.attributes.set("transA", std::int64_t{1}); }),
       "A is transposed"},
      {"hwy_gemm",
       changed(gemm(),
               [](CaseSpec& s) {
                 s.inputs[2].shape = {4, 1};
               }),
       "C [4, 1] is not one row of 5 columns"},
      {"hwy_gemm",
       changed(gemm(),
               [](CaseSpec& s) {
                 s.inputs[1].shape = {7, 5};
               }),
       "A [4, 6], B [7, 5] and Y [4, 5] do not fit"},
      {"hwy_gemm", plain_case("MatMul", {{{4, 6}}, {{2, 6, 5}, true}}, {2, 4, 5}),
       "B: expected a matrix, found shape [2, 6, 5]"},
      {"ref_gemm", changed(gemm(), [](CaseSpec& s) { s.inputs[2].shape = {3}; }),
       "C [3] cannot be broadcast to [4, 5]"},
      {"ref_gemm",
       changed(gemm(),
               [](CaseSpec& s) {
                 s.inputs[1].shape = {7, 5};
               }),
       "A [4, 6] (transA 0), B [7, 5] (transB 0) and Y [4, 5] do not fit"},
      {"ref_matmul", plain_case("MatMul", {{{4, 6}}, {{7, 5}}}, {4, 5}),
       "A [4, 6], B [7, 5] and Y [4, 5] do not fit"},
      {"ref_matmul", plain_case("MatMul", {{{3, 4, 6}}, {{2, 6, 5}}}, {3, 4, 5}),
       "shape [2] cannot be broadcast to [3]"},
  };
}

std::vector<DeclineCase> other_declines() {
  return {
      {"hwy_binary", plain_case("Add", {{{2, 3}}, {{3}}}, {2, 3}),
       "A [2, 3] and B [3] go together in runs of only 3 elements"},
      {"hwy_binary", plain_case("Mul", {{{2, 3}}, {{2}}}, {2, 3}),
       "shape [2] cannot be broadcast to [2, 3]"},
      {"hwy_rows",
       changed(plain_case("Softmax", {{{2, 3, 4}}}, {2, 3, 4}),
               [](CaseSpec& s) { s.attributes.set("axis", std::int64_t{1}); }),
       "axis 1 of [2, 3, 4] does not lie in one piece"},
      {"hwy_rows", plain_case("LayerNormalization", {{{2, 3}}, {{1}}}, {2, 3}, 17),
       "input 1: expected shape [3], found [1]"},
      {"hwy_elementwise", plain_case("Clip", {{{2, 3}}, {{}}}, {2, 3}), "min is not a constant"},
      {"hwy_elementwise", plain_case("Clip", {{{2, 3}}, {{2}, true}}, {2, 3}),
       "input 1: expected one element, found shape [2]"},
      {"ref_elementwise", plain_case("Clip", {{{2, 3}}, {{}, true}}, {2, 3}, 6),
       "expected at most 1 inputs, found 2"},
      {"ref_elementwise", plain_case("Relu", {{{2}, false, DType::kBool}}, {2}),
       "no code for elements of type bool"},
      {"ref_binary", plain_case("Add", {{{2, 3}}, {{2}}}, {2, 3}),
       "shape [2] cannot be broadcast to [2, 3]"},
      {"ref_binary", plain_case("Add", {{{2}}, {{2}, false, DType::kI32}}, {2}),
       "input 1: expected f32, found i32"},
      {"ref_copy", plain_case("Reshape", {{{2, 3}}, {{1}, true, DType::kI64}}, {5}),
       "input [2, 3] and output [5] have different numbers of elements"},
      {"ref_softmax",
       changed(plain_case("Softmax", {{{2, 3}}}, {2, 3}),
               [](CaseSpec& s) { s.attributes.set("axis", std::int64_t{2}); }),
       "axis 2 is outside a tensor of rank 2"},
      {"ref_batch_normalization",
       changed(batch_normalization(),
               [](CaseSpec& s) { s.attributes.set("training_mode", std::int64_t{1}); }),
       "training_mode 1: statistics of the batch are not computed"},
      {"ref_batch_normalization", batch_normalization(6),
       "is_test 0: statistics of the batch are not computed"},
      {"ref_batch_normalization",
       changed(batch_normalization(7),
               [](CaseSpec& s) { s.attributes.set("spatial", std::int64_t{0}); }),
       "spatial 0: statistics for each element are not computed"},
      {"ref_batch_normalization",
       changed(batch_normalization(), [](CaseSpec& s) { s.inputs[3].shape = {2}; }),
       "input 3: expected shape [3], found [2]"},
      {"ref_reorder", plain_case("Reorder", {{{2, 3}}}, {2, 3}),
       "expected a rank of 3 to 5, found shape [2, 3]"},
  };
}

TEST(Support, DeclinesWithTheReason) {
  for (auto&& table : {conv_declines(), pool_declines(), dense_declines(), other_declines()}) {
    for (const DeclineCase& decline : table) {
      SCOPED_TRACE(decline.spec.name);
      const CaseData data(decline.spec);
      const Support support = ask(entry_of(decline.kernel, decline.spec.op), data.kernel_case());
      EXPECT_FALSE(support);
      EXPECT_EQ(support.reason(), decline.reason);
    }
  }
}

TEST(Support, ASecondOutputIsDeclined) {
  const CaseData data(max_pool());
  KernelCase kernel_case = data.kernel_case();
  kernel_case.outputs.push_back({DType::kI64, kernel_case.outputs[0].shape, Layout::kPlain});
  for (const KernelEntry& entry : registry()) {
    if (entry.op != "MaxPool") continue;
    EXPECT_EQ(ask(entry, kernel_case).reason(), "output 1 is not computed");
  }
}

TEST(Support, ElementwiseKeepsTheLayoutUnlessItWouldSpoilThePadding) {
  struct {
    std::int64_t channels;
    Activation activation;
    Layout expected;
  } const cases[] = {
      {8, {}, Layout::kBlocked8},
      {5, {}, Layout::kBlocked8},
      {5, {.kind = Activation::Kind::kClip, .lo = 0.0F, .hi = 6.0F}, Layout::kBlocked8},
      {5, {.kind = Activation::Kind::kClip, .lo = 1.0F, .hi = 6.0F}, Layout::kPlain},
      {8, {.kind = Activation::Kind::kClip, .lo = 1.0F, .hi = 6.0F}, Layout::kBlocked8},
      {5, {.kind = Activation::Kind::kClip, .lo = -6.0F, .hi = -1.0F}, Layout::kPlain},
  };
  for (const auto& [channels, activation, expected] : cases) {
    const Shape shape = {1, channels, 2, 2};
    CaseSpec spec = plain_case("Add", {{shape}, {shape}}, shape);
    spec.activation = activation;
    const CaseData data(spec);
    const Support support = ask(entry_of("hwy_binary", "Add"), data.kernel_case(Layout::kBlocked8));
    EXPECT_EQ(support.input(0), expected);
    EXPECT_EQ(support.input(1), expected);
    EXPECT_EQ(support.output(0), expected);
  }
}

TEST(Support, BlockedInputsOfDifferentShapes) {
  const Layout plain = Layout::kPlain;
  const Layout blocked = Layout::kBlocked8;
  struct {
    std::string op;
    InputSpec a;
    InputSpec b;
    std::vector<Layout> expected;  // of A, B and the output
  } const cases[] = {
      // A gate for each channel of each image.
      {"Mul", {{2, 5, 4, 4}}, {{2, 5, 1, 1}}, {blocked, blocked, blocked}},
      {"Mul", {{2, 5, 1, 1}}, {{2, 5, 4, 4}}, {blocked, blocked, blocked}},
      {"Div", {{2, 5, 4, 4}}, {{2, 5, 1, 1}}, {plain, plain, plain}},
      {"Div", {{2, 8, 4, 4}}, {{2, 8, 1, 1}}, {blocked, blocked, blocked}},
      // Constants are packed by the kernel.
      {"Add", {{2, 5, 4, 4}}, {{5, 1, 1}, true}, {blocked, plain, blocked}},
      {"Div", {{2, 5, 4, 4}}, {{1, 5, 1, 1}, true}, {blocked, plain, blocked}},
      {"Div", {{5, 1, 1}, true}, {{2, 5, 4, 4}}, {plain, plain, plain}},
      {"Sub", {{5, 1, 1}, true}, {{2, 5, 4, 4}}, {plain, blocked, blocked}},
      // Without an axis of channels it cannot arrive blocked.
      {"Mul", {{2, 5, 4, 4}}, {{5, 1, 1}}, {plain, plain, plain}},
      // 0 + 1 would spoil the padding, 0 * 1 does not.
      {"Mul", {{2, 5, 4, 4}}, {{}, true}, {blocked, plain, blocked}},
      {"Add", {{2, 5, 4, 4}}, {{}, true}, {plain, plain, plain}},
      {"Add", {{2, 8, 4, 4}}, {{}, true}, {blocked, plain, blocked}},
      {"Mul", {{2, 5, 4, 4}}, {{1}}, {plain, plain, plain}},
      {"Div", {{2, 5, 4, 4}}, {{2, 5, 4, 4}}, {plain, plain, plain}},
      {"Mul", {{2, 5, 4, 4}}, {{4, 1}, true}, {plain, plain, plain}},
  };
  for (const auto& [op, a, b, expected] : cases) {
    const Shape y = a.shape.size() > 3 && a.shape[2] != 1 ? a.shape : b.shape;
    const CaseData data(plain_case(op, {a, b}, y));
    SCOPED_TRACE(fmt::format("{} {} {}", op, to_string(a.shape), to_string(b.shape)));
    const Support support = ask(entry_of("hwy_binary", op), data.kernel_case(blocked));
    if (!support) {
      // Runs that are too short when plain: the reference takes them.
      EXPECT_EQ(expected[2], plain) << support.reason();
      continue;
    }
    EXPECT_EQ(support.input(0), expected[0]);
    EXPECT_EQ(support.input(1), expected[1]);
    EXPECT_EQ(support.output(0), expected[2]);
  }
}

TEST(Support, ABlockedGemmInputNeedsNoReorder) {
  const CaseData data(gemm_case({.a = {2, 5, 3, 3}, .columns = 4, .c = {4}}));
  const Support support = ask(entry_of("hwy_gemm", "Gemm"), data.kernel_case(Layout::kBlocked8));
  EXPECT_EQ(support.input(0), Layout::kBlocked8);
  EXPECT_EQ(support.output(0), Layout::kPlain);
}

}  // namespace
}  // namespace widepipe::kernels::testing
