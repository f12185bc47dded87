// Every kernel against the reference, on the tables of cases, in every layout its input may
// arrive in, with one and two threads.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/registry.h"
#include "tests/unit/kernel_cases.h"
#include "tests/unit/kernel_harness.h"

namespace widepipe::kernels::testing {
namespace {

constexpr double kTolerance = 1e-5;

bool has_blocked_form(const CaseSpec& spec) {
  const std::size_t rank = spec.inputs[0].shape.size();
  return rank >= 3 && rank <= 5;
}

double largest(const Tensor& tensor) {
  double result = 0.0;
  for (const float value : tensor.as<float>()) result = std::max<double>(result, std::abs(value));
  return result;
}

/// As a share of the largest expected value before the activation: sums do not get more exact
/// because a narrow clip follows them.
double tolerance_of(const CaseData& data, const Tensor& expected) {
  if (data.spec().activation.none()) return kTolerance;
  CaseData unclamped = data;
  unclamped.set_activation({});
  return kTolerance * std::max(1.0, largest(reference_output(unclamped)) / largest(expected));
}

/// Number of runs that were compared.
int compare(const KernelEntry& entry, const CaseData& data, const Tensor& expected) {
  const double tolerance = tolerance_of(data, expected);
  int runs = 0;
  for (const Layout arriving : {Layout::kPlain, Layout::kBlocked8, Layout::kBlocked16}) {
    if (arriving != Layout::kPlain && !has_blocked_form(data.spec())) continue;
    if (!ask(entry, data.kernel_case(arriving))) continue;
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(
          fmt::format("{} arriving {} threads {}", data.spec().name, name_of(arriving), threads));
      WeightStore weights;
      PreparedRun prepared(entry, data, weights, arriving, threads);
      prepared.run();
      EXPECT_LE(relative_error(expected, prepared.output()), tolerance);
      EXPECT_TRUE(prepared.padding_is_zero());
      ++runs;
    }
  }
  return runs;
}

class Agreement : public ::testing::TestWithParam<KernelEntry> {};

TEST_P(Agreement, WithReference) {
  const KernelEntry& entry = GetParam();
  int runs = 0;
  for (auto&& table : {all_cases(), blocked_cases()}) {
    for (const CaseSpec& spec : table) {
      if (spec.op != entry.op) continue;
      const CaseData data(spec);
      runs += compare(entry, data, reference_output(data));
    }
  }
  EXPECT_GT(runs, 0);
}

std::vector<KernelEntry> fast_kernels() {
  std::vector<KernelEntry> kernels;
  for (const KernelEntry& entry : registry()) {
    if (!entry.name.starts_with("ref_")) kernels.push_back(entry);
  }
  return kernels;
}

INSTANTIATE_TEST_SUITE_P(Kernels, Agreement, ::testing::ValuesIn(fast_kernels()),
                         [](const auto& kernel) {
                           return fmt::format("{}_{}", kernel.param.name, kernel.param.op);
                         });

// The tables hold only what a fast kernel must take: a case that falls back to the reference is
// a loss of speed that nobody would notice.
TEST(Tables, EveryCaseHasAFastKernel) {
  for (const CaseSpec& spec : all_cases()) {
    SCOPED_TRACE(spec.name);
    const CaseData data(spec);
    const Choice choice = choose(data.kernel_case());
    ASSERT_NE(choice.entry, nullptr);
    EXPECT_FALSE(choice.entry->name.starts_with("ref_"))
        << (choice.declined.empty() ? "" : choice.declined.back().reason);
  }
}

TEST(Tables, EveryBlockedCaseNeedsNoReorder) {
  for (const CaseSpec& spec : blocked_cases()) {
    SCOPED_TRACE(spec.name);
    const CaseData data(spec);
    const Choice choice = choose(data.kernel_case(Layout::kBlocked8));
    ASSERT_NE(choice.entry, nullptr);
    EXPECT_TRUE(choice.entry->name.starts_with("blocked_"))
        << (choice.declined.empty() ? "" : choice.declined.back().reason);
    EXPECT_EQ(choice.support.input(0), Layout::kBlocked8);
    EXPECT_EQ(choice.support.output(0), Layout::kBlocked8);
  }
}

}  // namespace
}  // namespace widepipe::kernels::testing
