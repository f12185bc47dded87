#pragma once

#include <string>
#include <string_view>

#include "npu_model/profile.h"
#include "rl/workload.h"

namespace widepipe::jobs {

/// A workload by its name, of those that are built in (A3, A5, A10, D, E, F, G, bulk), by its file,
/// whatever has a '/' or ends in ".toml", or by that of a trace (jobs/trace_workload.h).
/// docs/simulate.md describes the files. Throws InputError
/// with the file, line and what is wrong.
rl::WorkloadSpec load_workload(const std::string& name_or_file, const npu_model::Profile& profile);

/// What tells whether it is still the same: its text, or a hash of all that is in a trace.
std::string workload_identity(const std::string& name_or_file);

/// The text of a workload; `file` is what messages call it, and beside it lies a fleet that it
/// names by a relative path.
rl::WorkloadSpec parse_workload(std::string_view text, const std::string& file,
                                const npu_model::Profile& profile);

}  // namespace widepipe::jobs
