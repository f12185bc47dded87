#pragma once
// `widepipe merge`: the outputs of a job's shards become one.

#include <string>

namespace widepipe::jobs {

struct MergeCommand {
  std::string output;  ///< FILE.h5 as the job named it, with or without ":/data"
  bool allow_mixed = false;
};

/// Prints what was merged and gives the exit code. Throws InputError, RunError as
/// dataset::merge_shards() does.
int run_merge(const MergeCommand& command);

}  // namespace widepipe::jobs
