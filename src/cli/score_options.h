#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "jobs/job_spec.h"

namespace widepipe::cli {

/// What is the same for a job that runs now and one that is submitted.
void add_job_options(CLI::App& verb, jobs::ScoreCommand& score);

/// The options that were given, as `score` takes them; all have a long name.
std::vector<std::string> given_arguments(const std::vector<CLI::Option*>& options);

/// The verb `score`.
void add_score(CLI::App& app, jobs::ScoreCommand& score);

}  // namespace widepipe::cli
