#pragma once
// What `widepipe replay` found out. docs/replay.md defines every figure.

#include <cstdint>
#include <string>

#include "jobs/simulate_text.h"
#include "mpi_runtime/serve_leader.h"

namespace widepipe::jobs {

struct Replayed {
  Simulated as_simulated;  ///< the figures that a simulation has, too; one run
  int ranks = 0;
  double time_scale = 1;
  mpi_runtime::ServeResult rounds;
  std::int64_t batches = 0;
  std::int64_t wrong = 0;               ///< answers that are not those of their requests
  std::int64_t doubled = 0;             ///< ends of requests that had ended
  std::int64_t open = 0;                ///< requests that came to no end
  schedule::Seconds mean_lateness = 0;  ///< of requests: handed in behind their time
  schedule::Seconds longest_lateness = 0;
  double wall_seconds = 0;
};

std::string replayed_text(const Replayed& replayed);
std::string replayed_json(const Replayed& replayed);

}  // namespace widepipe::jobs
