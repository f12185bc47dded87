#pragma once
// `widepipe simulate`: a workload on a fleet of emulated NPUs, by events, in one process.

#include <cstdint>
#include <string>
#include <vector>

namespace widepipe::jobs {

struct SimulateCommand {
  std::string workload = "A5";  ///< a name or a file, as are the next two
  std::string fleet;            ///< empty: the workload's
  std::string profile = "npu";
  std::string policy = "greedy-estimated";
  std::vector<std::string> set;  ///< its parameters, "name=value"
  int devices = 32;
  double seconds = 10;
  double load = 0;  ///< share of the bound; 0: 0.6, or as fast as a trace is
  double rate = 0;  ///< requests a second; 0: by `load`
  std::uint64_t seed = 1;
  int seeds = 1;  ///< this and the next ones
  bool find_goodput = false;
  int evaluations = 400;  ///< simulations to tune a policy with
  double round_period_ms = 0;
  double round_delay_ms = 0;
  std::string log;     ///< a file for closed batches; empty: none
  std::string plans;   ///< likewise, for plans
  std::string learn;   ///< likewise, for the policy, which goes on learning
  std::string report;  ///< likewise, JSON
};

/// Gives the exit code. Throws InputError before anything is simulated or written.
int run_simulate(const SimulateCommand& command);

}  // namespace widepipe::jobs
