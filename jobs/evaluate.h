#pragma once
// `widepipe evaluate`: the goodput of policies on workloads, over seeds.

#include <cstdint>
#include <string>
#include <vector>

namespace widepipe::jobs {

struct EvaluateCommand {
  std::vector<std::string> workloads = {"A5", "F"};
  std::vector<std::string> policies = {"greedy-estimated", "greedy"};  ///< ratios are to the first
  std::vector<int> devices = {32};
  std::string profile = "npu";
  double seconds = 10;
  double precision = 0.005;
  int seeds = 3;
  int evaluations = 400;  ///< simulations to tune a policy with
  std::uint64_t seed_base = 1;
  double round_period_ms = 0;
  double round_delay_ms = 0;
  std::string report;  ///< a file, JSON; runs that it has are not made again
  bool quiet = false;
};

/// Gives the exit code: 3 if a signal stopped it; then the same command goes on. Throws InputError
/// before anything is simulated or written.
int run_evaluate(const EvaluateCommand& command);

}  // namespace widepipe::jobs
