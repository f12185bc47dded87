// The contract of kernel.h: a row's bits depend on neither the other rows, nor the row's
// position, nor the number of threads.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "kernels/registry.h"
#include "tests/unit/kernel_cases.h"
#include "tests/unit/kernel_harness.h"

namespace widepipe::kernels::testing {
namespace {

constexpr std::int64_t kRows = 13;

std::span<const std::byte> row_of(const Tensor& tensor, std::int64_t row) {
  const std::size_t bytes = tensor.bytes() / static_cast<std::size_t>(tensor.shape()[0]);
  return {tensor.data() + static_cast<std::size_t>(row) * bytes, bytes};
}

/// Runs the picked rows of `all` in that order and compares each with its row of `expected`.
void expect_same_rows(const KernelEntry& entry, const CaseData& all, const Tensor& expected,
                      const std::vector<std::int64_t>& picked, int threads, WeightStore& weights) {
  const CaseData some = all.rows(picked);
  const Tensor found = run_once(entry, some, weights, Layout::kPlain, threads);
  for (std::size_t i = 0; i < picked.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(row_of(expected, picked[i]),
                                   row_of(found, static_cast<std::int64_t>(i))))
        << "row " << picked[i] << " at position " << i << " of " << picked.size() << ", " << threads
        << " threads";
  }
}

/// False if the kernel declines the case.
bool expect_same_bits(const KernelEntry& entry, const CaseSpec& spec) {
  SCOPED_TRACE(fmt::format("{}: {}", entry.name, spec.name));
  const CaseData all(with_rows(spec, kRows));
  if (!ask(entry, all.kernel_case())) return false;
  WeightStore weights;
  const Tensor expected = run_once(entry, all, weights, Layout::kPlain, 1);
  std::vector<std::int64_t> rows(kRows);
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<std::int64_t> reversed(rows.rbegin(), rows.rend());
  for (const int threads : {1, 2}) {
    for (const std::int64_t row : rows) {
      expect_same_rows(entry, all, expected, {row}, threads, weights);
    }
    expect_same_rows(entry, all, expected, rows, threads, weights);
    expect_same_rows(entry, all, expected, reversed, threads, weights);
    expect_same_rows(entry, all, expected, {12, 3}, threads, weights);
    expect_same_rows(entry, all, expected, {5, 11, 0, 5, 7, 2, 9}, threads, weights);
  }
  return true;
}

/// The tables use few rows and few columns; these are large enough for threads and blocks of
/// depth to matter.
std::vector<CaseSpec> cases() {
  std::vector<CaseSpec> cases;
  for (auto&& table : {all_cases(), lenet_cases(1)}) {
    for (const CaseSpec& spec : table) {
      if (spec.output.size() >= 2) cases.push_back(spec);
    }
  }
  cases.push_back(gemm_case({.a = {1, 1500}, .columns = 300, .c = {300}}));
  cases.push_back(conv_case({.x = {1, 64, 14, 14},
                             .out_channels = 128,
                             .kernel = {3, 3},
                             .pads = {1, 1, 1, 1},
                             .activation = kRelu}));
  cases.push_back(conv_case({.x = {1, 256, 7, 7}, .out_channels = 512, .kernel = {1, 1}}));
  return cases;
}

class SameBits : public ::testing::TestWithParam<KernelEntry> {};

TEST_P(SameBits, WhateverTheBatch) {
  int compared = 0;
  for (const CaseSpec& spec : cases()) {
    if (spec.op == GetParam().op && expect_same_bits(GetParam(), spec)) ++compared;
  }
  EXPECT_GT(compared, 0);
}

/// Those with cases in the tables.
std::vector<KernelEntry> kernels_with_cases() {
  std::vector<KernelEntry> kernels;
  for (const KernelEntry& entry : registry()) {
    const auto table = cases();
    if (std::ranges::any_of(table, [&](const CaseSpec& spec) { return spec.op == entry.op; })) {
      kernels.push_back(entry);
    }
  }
  return kernels;
}

INSTANTIATE_TEST_SUITE_P(Kernels, SameBits, ::testing::ValuesIn(kernels_with_cases()),
                         [](const auto& kernel) {
                           return fmt::format("{}_{}", kernel.param.name, kernel.param.op);
                         });

}  // namespace
}  // namespace widepipe::kernels::testing
