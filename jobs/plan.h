#pragma once
// `widepipe plan`: how long a job takes on how many nodes, from a short timing of it on this one.

#include <string>
#include <vector>

#include "jobs/job_spec.h"

namespace widepipe::jobs {

inline constexpr int kMostNodes = 100'000;
inline constexpr double kLongestTiming = 3600;

struct PlanCommand {
  ScoreCommand score;                  ///< --report is the plan's
  std::vector<std::string> arguments;  ///< of `widepipe score`, to be repeated in the advice
  std::vector<int> nodes;              ///< to estimate for; empty: 1, 2, 4 .. 64
  double seconds = 10;                 ///< of the timing
  std::string within = "1:00:00";      ///< what the suggestion aims at, as Slurm writes it
};

/// Times the job on this machine alone, in one process, and prints the estimate. Writes nothing
/// but locks, which it takes back, a nameless file in the output's folder, and the report. Gives
/// the exit code. Throws InputError: a bad job; RunError: its rows fail.
int run_plan(const PlanCommand& command);

}  // namespace widepipe::jobs
