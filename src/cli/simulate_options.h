#pragma once

#include <CLI/CLI.hpp>

#include "jobs/simulate.h"

namespace widepipe::cli {

/// The verb `simulate`.
void add_simulate(CLI::App& app, jobs::SimulateCommand& simulate);

}  // namespace widepipe::cli
