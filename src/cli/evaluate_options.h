#pragma once

#include <CLI/CLI.hpp>

#include "jobs/evaluate.h"

namespace widepipe::cli {

/// The verb `evaluate`.
void add_evaluate(CLI::App& app, jobs::EvaluateCommand& evaluate);

}  // namespace widepipe::cli
