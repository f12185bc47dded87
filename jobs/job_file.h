#pragma once
// Job files: TOML, described in docs/job-files.md.

#include <string>
#include <string_view>

#include "jobs/job_spec.h"

namespace widepipe::jobs {

/// The text of a job file. Throws InputError: missing, a folder, unreadable.
std::string read_job_file(const std::string& path);

/// The job that `text`, the content of the file `path`, describes; relative paths in it become
/// relative to the file's folder. Opens no file. Throws InputError that begins with
/// "path:line:column:" at the first mistake: syntax, unknown or missing key, wrong type, value
/// out of range, two streams of one name.
JobSpec parse_job(std::string_view text, const std::string& path);

}  // namespace widepipe::jobs
