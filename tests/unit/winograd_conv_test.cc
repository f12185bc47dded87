// What winograd_conv declines, and its rounding error by the number of channels. Its agreement
// with the reference on the common cases and its bits are tested with all kernels'.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "kernels/winograd_conv.h"
#include "kernels/winograd_tiles.h"
#include "tests/unit/kernel_cases.h"
#include "tests/unit/kernel_harness.h"

namespace widepipe::kernels::testing {
namespace {

bool has_vectors() {
  const auto lanes = winograd_form().lanes;
  return lanes == 8 || lanes == 16;
}

Support ask_winograd(const CaseSpec& spec) {
  const CaseData data(spec);
  return ask(entry_of("winograd_conv", "Conv"), data.kernel_case());
}

struct Decline {
  ConvSpec conv;
  std::string_view reason;
};

TEST(WinogradConv, DeclinesWithTheReason) {
  if (!has_vectors()) GTEST_SKIP() << "no vectors of 8 or 16 lanes";
  const std::vector<Decline> declines = {
      {{.x = {1, 16, 9}, .out_channels = 8, .kernel = {3}}, "expected 2 spatial axes, found 1"},
      {{.x = {1, 16, 9, 9}, .out_channels = 16, .kernel = {3, 3}, .group = 2},
       "expected 1 group, found 2"},
      {{.x = {1, 16, 9, 9}, .out_channels = 8, .kernel = {5, 3}},
       "spatial axis 0: expected a window of 3 taps, stride 1, dilation 1, found 5, 1, 1"},
      {{.x = {1, 16, 9, 9}, .out_channels = 8, .kernel = {3, 3}, .strides = {1, 2}},
       "spatial axis 1: expected a window of 3 taps, stride 1, dilation 1, found 3, 2, 1"},
      {{.x = {1, 16, 9, 9}, .out_channels = 8, .kernel = {3, 3}, .dilations = {2, 1}},
       "spatial axis 0: expected a window of 3 taps, stride 1, dilation 1, found 3, 1, 2"},
      {{.x = {1, 16, 9, 9}, .out_channels = 8, .kernel = {3, 3}, .pads = {1, 1, 1, 3}},
       "spatial axis 1: expected pads of at most 2, found 1 and 3"},
      {{.x = {64, 7, 28, 28}, .out_channels = 64, .kernel = {3, 3}},
       "7 input channels: with fewer than 8, the direct sum is faster"},
      {{.x = {64, 64, 7, 7}, .out_channels = 64, .kernel = {3, 3}},
       "outputs of 5x5 fill 39 % of their 4x4 tiles: below 50 %, the direct sum is faster"},
  };
  for (const Decline& decline : declines) {
    const CaseSpec spec = conv_case(decline.conv);
    SCOPED_TRACE(spec.name);
    EXPECT_EQ(ask_winograd(spec).reason(), decline.reason);
  }
}

TEST(WinogradConv, DeclinesWeightsThatAreNotConstant) {
  CaseSpec spec = conv_case({.x = {1, 16, 8, 8}, .out_channels = 8, .kernel = {3, 3}});
  spec.inputs[1].constant = false;
  EXPECT_EQ(ask_winograd(spec).reason(), "W is not a constant");
}

TEST(WinogradConv, DeclinesToKeepNaN) {
  if (!has_vectors()) GTEST_SKIP() << "no vectors of 8 or 16 lanes";
  const CaseData data(conv_case({.x = {1, 16, 8, 8}, .out_channels = 8, .kernel = {3, 3}}));
  KernelCase kernel_case = data.kernel_case();
  kernel_case.keep_nan = true;
  EXPECT_EQ(ask(entry_of("winograd_conv", "Conv"), kernel_case).reason(),
            "NaN is to be kept, and no infinity to become one");
}

TEST(WinogradConv, WantsTheBlocksOfTheMachinesVectors) {
  if (!has_vectors()) GTEST_SKIP() << "no vectors of 8 or 16 lanes";
  const Layout expected = winograd_form().lanes == 16 ? Layout::kBlocked16 : Layout::kBlocked8;
  const Support support =
      ask_winograd(conv_case({.x = {1, 16, 8, 8}, .out_channels = 8, .kernel = {3, 3}}));
  ASSERT_TRUE(support) << support.reason();
  EXPECT_EQ(support.input(0), expected);
  EXPECT_EQ(support.output(0), expected);
}

TEST(WinogradConv, ErrorStaysFarBelowTheToleranceWithManyChannels) {
  if (!has_vectors()) GTEST_SKIP() << "no vectors of 8 or 16 lanes";
  constexpr double kBound = 6e-6;
  for (const std::int64_t channels : {16, 64, 256, 512, 1024}) {
    const CaseData data(conv_case({.x = {4, channels, 12, 12},
                                   .out_channels = 16,
                                   .kernel = {3, 3},
                                   .pads = {1, 1, 1, 1},
                                   .bias = false}));
    SCOPED_TRACE(data.spec().name);
    WeightStore weights;
    const Tensor found = run_once(entry_of("winograd_conv", "Conv"), data, weights);
    const double error = relative_error(reference_output(data), found);
    RecordProperty(fmt::format("error_{}", channels), fmt::format("{:.2e}", error));
    EXPECT_LE(error, kBound);
  }
}

}  // namespace
}  // namespace widepipe::kernels::testing
