#include "jobs/merge.h"

#include <fmt/format.h>

#include <cstdio>

#include "core/console.h"
#include "core/units.h"
#include "dataset/shard_files.h"
#include "jobs/allocation.h"
#include "jobs/exit_codes.h"

namespace widepipe::jobs {

int run_merge(const MergeCommand& command) {
  const std::string file = command.output.substr(0, command.output.find(":/"));
  const dataset::Merged merged = dataset::merge_shards(
      file, dataset::LockOwner::this_process(slurm_job()), {.allow_mixed = command.allow_mixed});
  say(stdout, fmt::format("{}: {} rows of {} shards{}; the shards can be removed\n", file,
                          grouped(merged.rows), grouped(merged.shards),
                          merged.failed > 0
                              ? fmt::format(", {} of them failed rows", grouped(merged.failed))
                              : ""));
  return merged.failed > 0 ? kFailedRows : kDone;
}

}  // namespace widepipe::jobs
