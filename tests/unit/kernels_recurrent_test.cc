// LSTM and GRU: what ONNX's own cases leave out. A sequence read backwards is the reversed one read
// forwards, and so on; one step worked out by hand.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "kernels/registry.h"
#include "tests/unit/kernel_harness.h"

namespace widepipe::kernels::testing {
namespace {

constexpr std::int64_t kSteps = 4;
constexpr std::int64_t kRows = 3;
constexpr std::int64_t kInput = 5;
constexpr std::int64_t kHidden = 6;

using Numbers = std::vector<double>;

/// A recurrent net's inputs as numbers in ONNX's order; sequence_lens may be empty.
struct Net {
  std::string op;
  std::string direction = "forward";
  Numbers x = {};  ///< [kSteps, kRows, kInput]
  Numbers lengths = {};
  std::int64_t steps = kSteps;
  std::int64_t rows = kRows;
  bool batch_first = false;
};

struct Found {
  Numbers y;
  Numbers last;
};

std::int64_t directions_of(const Net& net) { return net.direction == "bidirectional" ? 2 : 1; }

/// Weights are the same for each direction and in every call.
Found run(const Net& net) {
  const std::int64_t gates = net.op == "LSTM" ? 4 : 3;
  const std::int64_t directions = directions_of(net);
  const auto both = [&](std::int64_t count, int salt) {
    Numbers values;
    for (std::int64_t d = 0; d < directions; ++d) {
      for (std::int64_t i = 0; i < count; ++i) {
        values.push_back(std::sin(static_cast<double>(i * 7 + salt)));
      }
    }
    return values;
  };
  const Shape state =
      net.batch_first ? Shape{net.rows, directions, kHidden} : Shape{directions, net.rows, kHidden};
  const Shape y = net.batch_first ? Shape{net.rows, net.steps, directions, kHidden}
                                  : Shape{net.steps, directions, net.rows, kHidden};
  CaseSpec spec{.name = net.op,
                .op = net.op,
                .version = 14,
                .attributes = {},
                .inputs = {},
                .output = y,
                .activation = {}};
  spec.attributes.set("hidden_size", kHidden);
  spec.attributes.set("direction", net.direction);
  spec.attributes.set("layout", std::int64_t{net.batch_first ? 1 : 0});
  const auto weights = [&](std::int64_t rows, std::int64_t columns, int salt) {
    return InputSpec{.shape = {directions, rows, columns},
                     .constant = true,
                     .values = both(rows * columns, salt)};
  };
  spec.inputs = {{.shape = net.batch_first ? Shape{net.rows, net.steps, kInput}
                                           : Shape{net.steps, net.rows, kInput},
                  .values = net.x},
                 weights(gates * kHidden, kInput, 1),
                 weights(gates * kHidden, kHidden, 2),
                 {.shape = {directions, 2 * gates * kHidden},
                  .constant = true,
                  .values = both(2 * gates * kHidden, 3)}};
  if (!net.lengths.empty()) {
    spec.inputs.push_back({.shape = {net.rows}, .dtype = DType::kI32, .values = net.lengths});
  }
  const CaseData data(spec);
  KernelCase kernel_case = data.kernel_case();
  kernel_case.outputs.push_back({DType::kF32, state, Layout::kPlain});
  const KernelEntry& entry = entry_of("ref_recurrent", net.op);
  EXPECT_EQ(ask(entry, kernel_case).reason(), "");
  WeightStore store;
  const auto kernel = entry.create(kernel_case, store);
  std::vector<const std::byte*> inputs;
  for (std::size_t i = 0; i < spec.inputs.size(); ++i) inputs.push_back(data.input(i).data());
  Tensor all(DType::kF32, y);
  Tensor last(DType::kF32, state);
  const std::array<std::byte*, 2> outputs = {all.data(), last.data()};
  AlignedBuffer scratch(kernel->scratch_bytes());
  kernel->run({.inputs = inputs, .outputs = outputs, .scratch = scratch.data()});
  return {numbers_of(all), numbers_of(last)};
}

Numbers some_x(std::int64_t steps = kSteps, std::int64_t rows = kRows) {
  Numbers x;
  for (std::int64_t i = 0; i < steps * rows * kInput; ++i) {
    x.push_back(std::cos(static_cast<double>(i)));
  }
  return x;
}

/// The parts of `size` elements, in the order of `picked`.
Numbers parts(const Numbers& from, std::int64_t size, const std::vector<std::int64_t>& picked) {
  Numbers result;
  for (const std::int64_t i : picked) {
    result.insert(result.end(), from.begin() + i * size, from.begin() + (i + 1) * size);
  }
  return result;
}

const std::vector<std::int64_t> kBackwards = {3, 2, 1, 0};

class Recurrent : public ::testing::TestWithParam<const char*> {};

TEST_P(Recurrent, ReverseReadsFromTheEnd) {
  const std::int64_t step = kRows * kInput;
  const std::int64_t made = kRows * kHidden;
  const Found reverse = run({.op = GetParam(), .direction = "reverse", .x = some_x()});
  const Found forward = run({.op = GetParam(), .x = parts(some_x(), step, kBackwards)});
  EXPECT_EQ(reverse.y, parts(forward.y, made, kBackwards));
  EXPECT_EQ(reverse.last, forward.last);
}

TEST_P(Recurrent, BidirectionalIsBothSideBySide) {
  const std::int64_t made = kRows * kHidden;
  const Found both = run({.op = GetParam(), .direction = "bidirectional", .x = some_x()});
  const Found forward = run({.op = GetParam(), .x = some_x()});
  const Found reverse = run({.op = GetParam(), .direction = "reverse", .x = some_x()});
  EXPECT_EQ(parts(both.y, made, {0, 2, 4, 6}), forward.y);
  EXPECT_EQ(parts(both.y, made, {1, 3, 5, 7}), reverse.y);
  EXPECT_EQ(parts(both.last, made, {0}), forward.last);
  EXPECT_EQ(parts(both.last, made, {1}), reverse.last);
}

TEST_P(Recurrent, ALengthEndsTheRow) {
  for (const char* direction : {"forward", "reverse"}) {
    SCOPED_TRACE(direction);
    const Numbers x = some_x(kSteps, 1);
    const Found cut =
        run({.op = GetParam(), .direction = direction, .x = x, .lengths = {2}, .rows = 1});
    const Found short_one = run({.op = GetParam(),
                                 .direction = direction,
                                 .x = parts(x, kInput, {0, 1}),
                                 .steps = 2,
                                 .rows = 1});
    EXPECT_EQ(parts(cut.y, kHidden, {0, 1}), short_one.y);
    EXPECT_EQ(parts(cut.y, kHidden, {2, 3}), Numbers(2 * kHidden, 0.0));
    EXPECT_EQ(cut.last, short_one.last);
  }
}

TEST_P(Recurrent, LengthsOutsideAreClipped) {
  const Found found = run({.op = GetParam(), .x = some_x(), .lengths = {-5, 99, 4}});
  const Found all = run({.op = GetParam(), .x = some_x()});
  EXPECT_EQ(parts(found.last, kHidden, {0}), Numbers(kHidden, 0.0));
  EXPECT_EQ(parts(found.last, kHidden, {1, 2}), parts(all.last, kHidden, {1, 2}));
}

TEST_P(Recurrent, RowsDoNotDependOnEachOther) {
  const Found all = run({.op = GetParam(), .x = some_x()});
  for (std::int64_t row = 0; row < kRows; ++row) {
    const Found alone =
        run({.op = GetParam(),
             .x = parts(some_x(), kInput, {row, row + kRows, row + 2 * kRows, row + 3 * kRows}),
             .rows = 1});
    EXPECT_EQ(alone.last, parts(all.last, kHidden, {row}));
  }
}

TEST_P(Recurrent, LayoutOneHasTheBatchFirst) {
  const Found steps_first = run({.op = GetParam(), .x = some_x(kSteps, 1), .rows = 1});
  const Found batch_first =
      run({.op = GetParam(), .x = some_x(kSteps, 1), .rows = 1, .batch_first = true});
  EXPECT_EQ(batch_first.y, steps_first.y);
  // Two rows: the first is as it was.
  Numbers x = some_x(kSteps, 1);
  x.insert(x.end(), static_cast<std::size_t>(kSteps * kInput), 0.5);
  const Found two = run({.op = GetParam(), .x = x, .rows = 2, .batch_first = true});
  EXPECT_EQ(parts(two.y, kSteps * kHidden, {0}), steps_first.y);
}

INSTANTIATE_TEST_SUITE_P(Operators, Recurrent, ::testing::Values("LSTM", "GRU"),
                         [](const auto& op) { return std::string(op.param); });

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

TEST(RecurrentKernels, ResetBeforeOrAfterTheProduct) {
  for (const std::int64_t after : {0, 1}) {
    SCOPED_TRACE(after);
    CaseSpec spec{.name = "GRU",
                  .op = "GRU",
                  .version = 14,
                  .attributes = {},
                  .inputs = {{.shape = {1, 1, 1}, .values = {2}},
                             {.shape = {1, 3, 1}, .values = {0.5, -0.25, 1}},
                             {.shape = {1, 3, 1}, .values = {1, 2, -3}},
                             {.shape = {1, 6}, .values = {0, 0.5, 1, -1, 0.25, 2}},
                             {.shape = {}, .dtype = DType::kUndefined},
                             {.shape = {1, 1, 1}, .values = {0.5}}},
                  .output = {1, 1, 1, 1},
                  .activation = {}};
    spec.attributes.set("hidden_size", std::int64_t{1});
    spec.attributes.set("linear_before_reset", after);
    const double z = sigmoid(2 * 0.5 + 0.5 * 1 - 1);
    const double r = sigmoid(2 * -0.25 + 0.5 * 2 + 0.5 + 0.25);
    const double h =
        after == 1 ? std::tanh(2 + 1 + r * (0.5 * -3 + 2)) : std::tanh(2 + 1 + r * 0.5 * -3 + 2);
    const Tensor found = reference_output(CaseData(spec));
    EXPECT_NEAR(found.as<float>()[0], (1 - z) * h + z * 0.5, 1e-6);
  }
}

TEST(RecurrentKernels, DeclinesWithTheReason) {
  const auto reason = [](const char* name, Attributes::Value value) {
    CaseSpec spec{.name = "LSTM",
                  .op = "LSTM",
                  .version = 14,
                  .attributes = {},
                  .inputs = {{{2, 1, 3}}, {{1, 16, 3}}, {{1, 16, 4}}},
                  .output = {2, 1, 1, 4},
                  .activation = {}};
    spec.attributes.set("hidden_size", std::int64_t{4});
    spec.attributes.set(name, std::move(value));
    const CaseData data(spec);
    return ask(entry_of("ref_recurrent", "LSTM"), data.kernel_case()).reason();
  };
  EXPECT_EQ(reason("direction", std::string("forward")), "");
  EXPECT_EQ(reason("direction", std::string("up")),
            "attribute direction: expected forward, reverse or bidirectional, found up");
  EXPECT_EQ(reason("activations", std::vector<std::string>{"Relu", "Tanh", "Tanh"}),
            "attribute activations: expected Sigmoid, Tanh, Tanh, found Relu, Tanh, Tanh");
  EXPECT_EQ(reason("clip", 3.0F), "attribute clip is not supported");
  EXPECT_EQ(reason("input_forget", std::int64_t{1}), "attribute input_forget: expected 0, found 1");
  EXPECT_EQ(reason("hidden_size", std::int64_t{0}),
            "attribute hidden_size: expected at least 1, found 0");
  EXPECT_EQ(reason("hidden_size", std::int64_t{5}),
            "input 1: expected f32 [1, 20, 3], found f32 [1, 16, 3]");
}

}  // namespace
}  // namespace widepipe::kernels::testing
