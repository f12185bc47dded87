// Times every kernel that supports a case, beside each other. Prints a header and then one row a
// kernel and case, separated by tabs:
//   threads  kernel  case  us  GF/s (for Conv, Gemm and MatMul; else G elements/s)
// usage: kernel_bench [THREADS [SUBSTRING OF CASE]]

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/registry.h"
#include "tests/unit/kernel_cases.h"
#include "tests/unit/kernel_harness.h"

namespace widepipe::kernels::testing {
namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

/// Time of one run, the best of several rounds of about 10 ms each: the machine may be shared.
double best_microseconds(PreparedRun& prepared) {
  constexpr int kRounds = 7;
  constexpr double kRoundMicroseconds = 10e3;
  prepared.run();
  double best = 1e30;
  for (int round = 0; round < kRounds; ++round) {
    int runs = 0;
    const auto start = Clock::now();
    double elapsed = 0.0;
    while (elapsed < kRoundMicroseconds) {
      prepared.run();
      ++runs;
      elapsed = Microseconds(Clock::now() - start).count();
    }
    best = std::min(best, elapsed / runs);
  }
  return best;
}

/// In the layout that the kernel itself prefers for input 0.
void bench(const KernelEntry& entry, const CaseData& data, int threads) {
  const Support support = ask(entry, data.kernel_case(Layout::kPlain, threads));
  if (!support) return;
  WeightStore weights;
  PreparedRun prepared(entry, data, weights, Layout::kPlain, threads);
  const double us = best_microseconds(prepared);
  const std::string& op = data.spec().op;
  const bool products = op == "Conv" || op == "Gemm" || op == "MatMul";
  const double work = static_cast<double>(multiply_adds(data.spec())) * (products ? 2.0 : 1.0);
  fmt::print("{}\t{}\t{}\t{:.2f}\t{:.2f}\n", threads, entry.name, data.spec().name, us,
             work / us * 1e-3);
}

std::vector<CaseSpec> cases() {
  std::vector<CaseSpec> cases;
  for (const std::int64_t batch : {1, 2, 4, 7, 8, 16, 32, 64}) {
    for (const CaseSpec& spec : lenet_cases(batch)) cases.push_back(spec);
  }
  for (const std::int64_t batch : {1, 8}) {
    for (const CaseSpec& spec : large_cases(batch)) cases.push_back(spec);
  }
  return cases;
}

/// References of more work than this take too long.
constexpr std::int64_t kMostReferenceWork = 50'000'000;

void run_all(int threads, std::string_view filter) {
  fmt::print("threads\tkernel\tcase\tus\tG/s\n");
  for (const CaseSpec& spec : cases()) {
    if (spec.name.find(filter) == std::string::npos) continue;
    const CaseData data(spec);
    for (const KernelEntry& entry : registry()) {
      const bool slow = entry.name.starts_with("ref_") && multiply_adds(spec) > kMostReferenceWork;
      if (entry.op == spec.op && !slow) bench(entry, data, threads);
    }
  }
}

}  // namespace
}  // namespace widepipe::kernels::testing

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  widepipe::kernels::testing::run_all(std::max(1, threads), argc > 2 ? argv[2] : "");
  return 0;
}
