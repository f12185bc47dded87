#include "cli/submit_options.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cli/score_options.h"

namespace widepipe::cli {
void add_submit(CLI::App& app, jobs::SubmitCommand& submit) {
  CLI::App& verb = *app.add_subcommand(
      "submit", "Have Slurm run a job to its end, over as many allocations as it takes");
  add_job_options(verb, submit.score);
  const std::vector<CLI::Option*> options_of_score = verb.get_options();
  verb.add_option("--nodes", submit.nodes,
                  "Nodes, or the fewest and the most that the job may have [1]")
      ->type_name("N|MIN-MAX");
  verb.add_option("--time", submit.time, "Of one allocation, as Slurm writes it [the partition's]")
      ->type_name("TIME");
  verb.add_option("--tasks-per-node", submit.tasks_per_node, "Ranks on each node [1]")
      ->check(CLI::Range(1, jobs::kMostTasksPerNode))
      ->type_name("N");
  verb.add_option("--cpus-per-task", submit.cpus_per_task,
                  "Processors of each rank [an equal share of the node's]")
      ->check(CLI::Range(1, jobs::kMostTasksPerNode))
      ->type_name("N");
  verb.add_option("--partition", submit.partition, "Where the job runs [the cluster's default]")
      ->type_name("NAME");
  verb.add_option("--account", submit.account, "Who pays [yours]")->type_name("NAME");
  verb.add_option("--job-name", submit.name, "As squeue shows it [after the model or job file]")
      ->type_name("NAME");
  verb.add_option("--log", submit.log, "Where the job's messages go [widepipe-JOBID.log]")
      ->type_name("FILE");
  verb.add_option("--shards", submit.shards,
                  "An array of so many jobs, each with its share of the rows and an output of its "
                  "own, for `widepipe merge` [one job]")
      ->check(CLI::Range(std::int64_t{1}, jobs::kMostShards))
      ->type_name("N");
  verb.add_flag("--scheduler-node", submit.scheduler_node,
                "Rank 0 schedules on a node of its own, beside the others (a heterogeneous job)");
  verb.add_option("--scheduler-partition", submit.scheduler_partition,
                  "The partition of that node [that of the others]")
      ->type_name("NAME")
      ->needs("--scheduler-node");
  verb.add_option("--max-requeues", submit.max_requeues,
                  "Allocations after the first, before the job gives up [20]")
      ->check(CLI::Range(0, jobs::kMostRequeues))
      ->type_name("N");
  verb.add_option("--mpi", submit.mpi,
                  "How srun starts MPI: one that `srun --mpi=list` knows [pmix]")
      ->type_name("TYPE");
  verb.add_option("--program", submit.program, "widepipe, as the nodes find it [this program]")
      ->type_name("PATH");
  verb.add_option("--sbatch", submit.sbatch,
                  "One more option of sbatch, as --sbatch=--gres=gpu:1; may be given several times")
      ->type_name("OPTION")
      ->take_all()
      ->expected(1);
  verb.add_flag("--print", submit.print, "Print the batch script and submit nothing");
  verb.add_flag("--unchecked", submit.unchecked,
                "Do not check the job first: its files are not to be seen from here");
  verb.parse_complete_callback([&submit, options_of_score] {
    submit.arguments = given_arguments(options_of_score);
    submit.restart = std::erase(submit.arguments, "--restart") > 0;  // not after the first time
  });
}

void add_merge(CLI::App& app, jobs::MergeCommand& merge) {
  CLI::App& verb = *app.add_subcommand(
      "merge", "Join the outputs of a job's shards into the output of all rows");
  verb.add_option("output", merge.output, "The output, as the job named it")
      ->required()
      ->type_name("FILE.h5");
  verb.add_flag("--allow-mixed", merge.allow_mixed,
                "Let shards differ in instruction set or version");
}

}  // namespace widepipe::cli
