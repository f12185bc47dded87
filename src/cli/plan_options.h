#pragma once

#include <CLI/CLI.hpp>

#include "jobs/plan.h"

namespace widepipe::cli {

/// The verb `plan`.
void add_plan(CLI::App& app, jobs::PlanCommand& plan);

}  // namespace widepipe::cli
