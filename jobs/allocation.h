#pragma once
// How long a job may run: what Slurm, or a person, grants it.

#include <optional>
#include <string>
#include <string_view>

#include "mpi_runtime/session.h"

namespace widepipe::jobs {

/// "Slurm job 4242", or empty outside of Slurm: whom a person asks for a run.
std::string slurm_job();

/// Seconds that a limit in Slurm's notation means: minutes, MM:SS, HH:MM:SS, D-HH, D-HH:MM,
/// D-HH:MM:SS; infinity for UNLIMITED. Nothing if the text is none of these.
std::optional<double> parse_time_limit(std::string_view text);

/// Seconds until the allocation ends, by SLURM_JOB_END_TIME (Slurm 23.02 and later sets it);
/// nothing if it is not there. Negative if the end has passed. `now` is Unix time.
std::optional<double> allocation_seconds_left(const mpi_runtime::Environment& environment,
                                              double now);

/// What of the time left is kept for the last records, the closing of files and the launcher's
/// own end: a tenth, from 1 s to 30 s.
double closing_seconds(double seconds_left);

}  // namespace widepipe::jobs
