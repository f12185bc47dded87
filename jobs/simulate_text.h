#pragma once
// What `widepipe simulate` found out, for people and for machines. docs/simulate.md defines every
// figure.

#include <cstdint>
#include <string>
#include <vector>

#include "rl/measures.h"
#include "schedule/request_scheduler.h"

namespace widepipe::jobs {

/// A run of one seed; with --find-goodput the one at the highest load that passes.
struct SimulatedRun {
  std::uint64_t seed = 0;
  double rate = 0;   ///< requests a second
  double bound = 0;  ///< likewise
  int runs = 1;      ///< that it took to find the load
  rl::Measures measures;

  double share_of_bound() const { return bound > 0 ? rate / bound : 0; }
};

struct Simulated {
  rl::WorkloadSpec workload;
  std::string fleet;
  std::string device = "emulated NPU";
  std::string policy;
  int devices = 0;
  double seconds = 0;
  double round_period = 0;
  double round_delay = 0;
  bool found_goodput = false;
  bool live = false;  ///< a run of a replay, which tells of its speed itself
  double wall_seconds = 0;
  std::vector<SimulatedRun> runs;  ///< by seed
};

std::string simulated_text(const Simulated& simulated);
std::string simulated_json(const Simulated& simulated);

/// As logs and reports call it.
const char* reason_text(schedule::CloseReason reason);

/// The log of closed batches: comma-separated, its columns named in the first line.
std::string log_header();
std::string log_line(const schedule::ClosedBatch& batch, const std::string& stream);

}  // namespace widepipe::jobs
