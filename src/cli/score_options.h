#pragma once

#include <CLI/CLI.hpp>

#include "jobs/job_spec.h"

namespace widepipe::cli {

/// What is the same for a job that runs now and one that is submitted.
void add_job_options(CLI::App& verb, jobs::ScoreCommand& score);

/// The verb `score`.
void add_score(CLI::App& app, jobs::ScoreCommand& score);

}  // namespace widepipe::cli
