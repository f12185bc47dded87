// The operators that move elements: known results, rows on their own, and what is declined.

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "kernels/registry.h"
#include "tests/unit/kernel_harness.h"
#include "tests/unit/moving_cases.h"

namespace widepipe::kernels::testing {
namespace {

TEST(Moving, ComputesWhatOnnxDefines) {
  for (const MovingCase& moving : moving_cases()) {
    SCOPED_TRACE(moving.spec.name);
    CaseData data(moving.spec);
    const std::vector<double> found = numbers_of(reference_output(data));
    ASSERT_EQ(found.size(), moving.expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (std::isnan(moving.expected[i])) {
        EXPECT_TRUE(std::isnan(found[i])) << "element " << i;
      } else {
        EXPECT_FLOAT_EQ(found[i], moving.expected[i]) << "element " << i;
      }
    }
  }
}

/// Rows run alone, and in a batch of repeated rows, have the bits they had.
TEST(Moving, RowsDoNotDependOnEachOther) {
  int compared = 0;
  for (const MovingCase& moving : moving_cases()) {
    if (!moving.has_rows) continue;
    SCOPED_TRACE(moving.spec.name);
    const CaseData data(moving.spec);
    const Tensor expected = reference_output(data);
    const std::int64_t rows = expected.shape()[0];
    const std::size_t bytes = expected.bytes() / static_cast<std::size_t>(rows);
    const std::vector<std::int64_t> picked = {rows - 1, 0, 0, rows - 1, 0};
    for (const std::size_t count : {std::size_t{1}, picked.size()}) {
      const Tensor found = reference_output(data.rows(std::span(picked).first(count)));
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t from = static_cast<std::size_t>(picked[i]) * bytes;
        EXPECT_EQ(std::memcmp(found.data() + i * bytes, expected.data() + from, bytes), 0)
            << "row " << picked[i] << " at " << i << " of " << count;
      }
    }
    ++compared;
  }
  EXPECT_GT(compared, 10);
}

/// A row that names what is not there has no result: the device says so, and the job goes on.
TEST(Moving, IndicesThatNameNothingThrow) {
  const auto data = [](Shape shape) { return InputSpec{.shape = std::move(shape)}; };
  const auto indices = [](Shape shape, std::vector<double> values) {
    return InputSpec{.shape = std::move(shape), .dtype = DType::kI64, .values = std::move(values)};
  };
  struct Case {
    std::string op;
    std::vector<InputSpec> inputs;
    Shape output;
    std::string error;
  };
  const std::vector<Case> cases = {
      {"Gather",
       {data({3, 2}), indices({2}, {0, 3})},
       {2, 2},
       "index 3 is not one of 3 elements: expected -3 to 2"},
      {"Gather",
       {data({3, 2}), indices({1}, {-4})},
       {1, 2},
       "index -4 is not one of 3 elements: expected -3 to 2"},
      {"GatherElements",
       {data({2, 2}), indices({1, 2}, {0, 2})},
       {1, 2},
       "index 2 is not one of 2 elements: expected -2 to 1"},
      {"GatherND",
       {data({2, 5}), indices({1, 2}, {1, 5})},
       {1},
       "index 5 is not one of 5 elements: expected -5 to 4"},
      {"ScatterElements",
       {data({2, 2}), indices({1, 1}, {7}), data({1, 1})},
       {2, 2},
       "index 7 is not one of 2 elements: expected -2 to 1"},
      {"ScatterND",
       {data({2, 2}), indices({1, 1}, {-3}), data({1, 2})},
       {2, 2},
       "index -3 is not one of 2 elements: expected -2 to 1"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.op);
    CaseData data_of(
        {.name = c.op, .op = c.op, .version = 16, .inputs = c.inputs, .output = c.output});
    try {
      reference_output(data_of);
      FAIL() << "expected RunError";
    } catch (const RunError& error) {
      EXPECT_EQ(error.what(), c.error);
    }
  }
}

TEST(Moving, SplitFillsTheOutputsThatAreAskedFor) {
  CaseSpec spec{.name = "Split",
                .op = "Split",
                .version = 18,
                .attributes = {},
                .inputs = {{.shape = {2, 5}, .values = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}},
                .output = {2, 2},
                .activation = {}};
  spec.attributes.set("axis", std::int64_t{1});
  spec.attributes.set("num_outputs", std::int64_t{3});
  const CaseData data(spec);
  KernelCase kernel_case = data.kernel_case();
  kernel_case.outputs.push_back({});  // the model does not use it
  kernel_case.outputs.push_back({DType::kF32, {2, 1}, Layout::kPlain});
  const KernelEntry& entry = entry_of("ref_slice", "Split");
  ASSERT_EQ(ask(entry, kernel_case).reason(), "");
  WeightStore weights;
  const auto kernel = entry.create(kernel_case, weights);
  Tensor first(DType::kF32, {2, 2});
  Tensor last(DType::kF32, {2, 1});
  const std::array<const std::byte*, 1> inputs = {data.input(0).data()};
  const std::array<std::byte*, 3> outputs = {first.data(), nullptr, last.data()};
  kernel->run({.inputs = inputs, .outputs = outputs});
  EXPECT_EQ(numbers_of(first), (std::vector<double>{1, 2, 6, 7}));
  EXPECT_EQ(numbers_of(last), (std::vector<double>{5, 10}));
}

struct Decline {
  std::string_view kernel;
  std::string op;
  std::vector<InputSpec> inputs;
  Shape output;
  std::vector<std::pair<std::string, Attributes::Value>> attributes;
  std::string_view reason;
};

TEST(Moving, DeclinesWithTheReason) {
  constexpr DType kI64 = DType::kI64;
  const InputSpec one = {.shape = {1}, .constant = true, .dtype = kI64, .values = {1}};
  const std::vector<Decline> declines = {
      {"ref_concat",
       "Concat",
       {{{2, 3}}, {{3, 3}}},
       {2, 6},
       {{"axis", std::int64_t{1}}},
       "input 1: shape [3, 3] does not fit output [2, 6] along axis 1"},
      {"ref_slice", "Slice", {{{4}}, {{1}, false, kI64}, one}, {1}, {}, "starts is not a constant"},
      {"ref_slice", "Slice", {{{4}}, one, one}, {1}, {}, "output 0: expected shape [0], found [1]"},
      {"ref_slice",
       "Split",
       {{{5}}},
       {2},
       {{"num_outputs", std::int64_t{2}}},
       "attribute num_outputs: expected the 1 outputs of the node, found 2"},
      {"ref_gather",
       "Gather",
       {{{2, 3}}, {{1}, true, kI64, {2}}},
       {1, 3},
       {},
       "indices: 2 is outside an axis of 2 elements"},
      {"ref_gather", "Gather", {{{2}}, {{1}}}, {1}, {}, "indices: expected i64 or i32, found f32"},
      {"ref_gather",
       "GatherND",
       {{{2}}, {{1, 2}, false, kI64}},
       {1},
       {},
       "indices [1, 2] with batch_dims 0 do not fit data [2]"},
      {"ref_gather",
       "GatherND",
       {{{2, 3}}, {{2, 2}, true, kI64, {1, 2, 1, -4}}},
       {2},
       {},
       "indices: -4 is outside an axis of 3 elements"},
      {"ref_scatter",
       "ScatterND",
       {{{2, 3}}, {{1, 1}, true, kI64, {2}}, {{1, 3}}},
       {2, 3},
       {},
       "indices: 2 is outside an axis of 2 elements"},
      {"ref_scatter",
       "ScatterElements",
       {{{2}}, {{1}, false, kI64}, {{1}}},
       {2},
       {{"reduction", "mean"}},
       "attribute reduction: expected none, add, mul, min or max, found mean"},
      {"ref_expand",
       "Expand",
       {{{2}}, one},
       {4},
       {},
       "output [4] does not hold input [2] a whole number of times"},
      {"ref_pad",
       "Pad",
       {{{2}}, {{2}, true, kI64, {1, 0}}},
       {3},
       {{"mode", "mirror"}},
       "attribute mode: expected constant, reflect, edge or wrap, found mirror"},
      {"ref_pad",
       "Pad",
       {{{0}}, {{2}, true, kI64, {1, 0}}},
       {1},
       {{"mode", "edge"}},
       "cannot pad an empty axis in mode edge"},
      {"ref_pad",
       "Pad",
       {{{2}}, {{3}, true, kI64, {1, 0, 0}}},
       {3},
       {},
       "pads: expected 2 sizes, two for each axis, found [1, 0, 0]"},
      {"ref_resize",
       "Resize",
       {{{2}}, {{}, false, DType::kUndefined}, {{1}, true, DType::kF32, {2}}},
       {4},
       {{"antialias", std::int64_t{1}}},
       "attribute antialias: expected 0, found 1"},
      {"ref_resize",
       "Resize",
       {{{2}, false, kI64}, {{}, false, DType::kUndefined}, {{1}, true, DType::kF32, {2}}},
       {4},
       {{"mode", "linear"}},
       "output 0: expected i64, found f32"},
      {"ref_resize",
       "Resize",
       {{{2}}, {{}, false, DType::kUndefined}, {{1}, true, DType::kF32, {2}}},
       {4},
       {{"mode", "area"}},
       "attribute mode: expected one of nearest, linear, cubic, found area"},
      {"ref_resize",
       "Resize",
       {{{2}}, {{}, false, DType::kUndefined}, {{1}, true, DType::kF32, {-2}}},
       {4},
       {},
       "scales: -2 of an axis of 2 elements"},
      {"ref_conv_transpose",
       "ConvTranspose",
       {{{1, 2, 3}}, {{3, 1, 1}}},
       {1, 1, 3},
       {},
       "X [1, 2, 3], W [3, 1, 1] and Y [1, 1, 3] do not fit with group 1"},
      {"ref_conv_transpose",
       "ConvTranspose",
       {{{1, 1, 3}}, {{1, 1, 2}}},
       {1, 1, 3},
       {},
       "spatial axis 0: expected 4 outputs, found 3"},
      {"ref_conv_transpose",
       "ConvTranspose",
       {{{1, 1, 1}}, {{1, 1, 2}}},
       {1, 1, 1},
       {{"pads", Shape{1, 1}}},
       "spatial axis 0: 1 inputs, stride 1, a window of 2 taps with dilation 1 and pads 1 and 1 "
       "make 0 outputs"},
      {"ref_fill",
       "Range",
       {{{}, true, DType::kF32, {0}}, {{}, true, DType::kF32, {1}}, {{}}},
       {1},
       {},
       "delta is not a constant"},
  };
  for (const Decline& decline : declines) {
    SCOPED_TRACE(decline.reason);
    CaseSpec spec{.name = decline.op,
                  .op = decline.op,
                  .version = 18,
                  .attributes = {},
                  .inputs = decline.inputs,
                  .output = decline.output,
                  .activation = {}};
    for (const auto& [name, value] : decline.attributes) spec.attributes.set(name, value);
    const CaseData data(spec);
    EXPECT_EQ(ask(entry_of(decline.kernel, decline.op), data.kernel_case()).reason(),
              decline.reason);
  }
}

}  // namespace
}  // namespace widepipe::kernels::testing
