#pragma once
// `widepipe submit`: a Slurm batch script that runs `widepipe score` to its end, over as many
// allocations as it takes.

#include <string>
#include <vector>

#include "jobs/job_spec.h"

namespace widepipe::jobs {

inline constexpr int kMostRequeues = 10'000;
inline constexpr int kMostTasksPerNode = 4096;

struct SubmitCommand {
  ScoreCommand score;                  ///< what is checked now
  std::vector<std::string> arguments;  ///< of `widepipe score`, as the job will run it
  bool restart = false;                ///< --restart, for the first allocation only

  std::string nodes = "1";  ///< N, or MIN-MAX
  std::string time;         ///< of one allocation; empty: the partition's default
  std::string partition;
  std::string account;
  std::string name;     ///< empty: after the model or job file
  std::string program;  ///< widepipe, as the nodes find it; empty: this one
  std::string log;      ///< empty: after the job's id
  std::string mpi = "pmix";
  int tasks_per_node = 1;
  int cpus_per_task = 0;  ///< 0: an equal share of the node's
  int max_requeues = 20;
  std::int64_t shards = 0;      ///< 0: one job, otherwise an array of so many
  bool scheduler_node = false;  ///< rank 0 on a node of its own
  std::string scheduler_partition;
  std::vector<std::string> sbatch;  ///< more options for sbatch
  bool print = false;               ///< the script instead of submitting it
  bool unchecked = false;           ///< the job's files are not to be seen from here
};

/// The batch script. Throws InputError: an option that cannot stand in one.
std::string batch_script(const SubmitCommand& command);

/// Checks the job as `score --dry-run` does, then submits the script and prints the job's id, or
/// prints the script. Gives the exit code. Throws InputError: a bad job, no sbatch, or one that
/// refuses.
int run_submit(const SubmitCommand& command);

}  // namespace widepipe::jobs
