#pragma once
// `widepipe replay`: a workload served live, over MPI rounds, by the emulated NPUs of all ranks, or
// by real models on their cores.

#include <cstdint>
#include <string>
#include <vector>

#include "mpi_runtime/collectives.h"

namespace widepipe::jobs {

struct ReplayCommand {
  std::string workload = "A5";  ///< a name or a file, as are the next two
  std::string fleet;            ///< empty: the workload's
  std::string profile = "npu";
  std::string policy = "greedy-estimated";
  std::vector<std::string> set;  ///< its parameters, "name=value"
  std::string learn;             ///< a file for the policy, which goes on learning; empty: not
  int devices_per_rank = 4;
  bool dedicated_scheduler = false;  ///< rank 0 has no devices
  /// Not empty: real models, those of this job, on the cores of all ranks; as the profile says.
  std::string job_file;
  bool write = false;   ///< their results, into the outputs of the job
  double seconds = 10;  ///< emulated ones
  double load = 0;      ///< as of SimulateCommand
  double rate = 0;
  std::uint64_t seed = 1;
  double time_scale = 1;       ///< real seconds an emulated one takes
  double round_period_ms = 1;  ///< real
  int group_size = 1;          ///< of ranks that rounds go through; 1: straight to each rank
  int evaluations = 400;
  double watchdog_seconds = 60;  ///< 0: none
  std::string log;
  std::string timeline;
  std::string report;
};

/// [collective] Gives the exit code: 3 if a signal ended it early, or rows of a data set are
/// missing in its output, 1 if rows failed. Throws InputError on all ranks before anything is
/// served, and RunError if an answer is not that of its request, or results cannot be written.
int run_replay(const ReplayCommand& command, mpi_runtime::Collectives& collectives);

}  // namespace widepipe::jobs
