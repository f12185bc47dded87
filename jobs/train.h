#pragma once
// `widepipe train`: the parameters of a learned policy, by simulations on all cores of all ranks.

#include <cstdint>
#include <string>

#include "mpi_runtime/collectives.h"

namespace widepipe::jobs {

struct TrainCommand {
  std::string save;  ///< the policy's file
  std::string profile = "npu";
  double minutes = 60;
  int generations = 0;  ///< 0: as many as there is time for
  std::uint64_t seed = 1;
  int candidates = 20;
  int scenarios = 12;
  int pool = 450;
  int held_out = 96;
  int plain = 60;  ///< generations that run plain scenarios alone, at first
  double step = 0.05;
  std::string start;   ///< a policy to begin with; empty: greedy
  std::string report;  ///< the learning curve, JSON
};

/// [collective] Gives the exit code: 3 if a signal stopped it; then the same command goes on.
/// Throws InputError before anything is simulated or written.
int run_train(const TrainCommand& command, mpi_runtime::Collectives& collectives);

}  // namespace widepipe::jobs
