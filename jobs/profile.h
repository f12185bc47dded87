#pragma once
// `widepipe profile`: the constants of a real device, measured, as a profile for simulations and
// schedulers.

#include <string>

#include "jobs/job_spec.h"

namespace widepipe::jobs {

struct ProfileCommand {
  ScoreCommand score;  ///< whose models, inputs and device; --report is the profile's
  std::string save;    ///< the profile file
  int max_batch = 32;
  double seconds = 30;  ///< of timing, about
};

/// Times the job's models on this machine alone, in one process, and writes the profile. Gives the
/// exit code. Throws InputError: a bad job; RunError: rows fail, the file cannot be written.
int run_profile(const ProfileCommand& command);

}  // namespace widepipe::jobs
