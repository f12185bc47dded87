#pragma once

#include <string>

#include "core/error.h"
#include "jobs/job_spec.h"

namespace widepipe::jobs {

/// Does some work for one stream. An error that it throws begins with the stream's name, unless
/// it begins with a place in the job file.
template <typename Work>
auto for_stream(const JobSpec& job, const StreamSpec& stream, Work work) {
  const auto named = [&](const std::string& message) {
    const bool placed = !job.file.empty() && message.starts_with(job.file + ":");
    return placed ? message : stream_prefix(job, stream) + message;
  };
  try {
    return work();
  } catch (const InputError& error) {
    throw InputError(named(error.what()));
  } catch (const RunError& error) {
    throw RunError(named(error.what()));
  }
}

}  // namespace widepipe::jobs
