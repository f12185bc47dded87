#pragma once

#include <string>
#include <string_view>

#include "npu_model/profile.h"
#include "rl/workload.h"

namespace widepipe::jobs {

/// Whether this names a trace, and no other workload: it ends in ".h5" or ".hdf5".
bool is_trace_file(std::string_view name);

/// A workload of the requests in a file (dataset/request_trace.h), on the nominal fleet. It has a
/// stream for each model and deadline that occur together. A model is a network of the profile, or
/// one of several variants, "resnet50/07". Throws InputError with the file and what is wrong.
rl::WorkloadSpec load_trace(const std::string& file, const npu_model::Profile& profile);

}  // namespace widepipe::jobs
