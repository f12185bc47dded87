#pragma once

#include <CLI/CLI.hpp>

#include "jobs/replay.h"

namespace widepipe::cli {

/// The verb `replay`.
void add_replay(CLI::App& app, jobs::ReplayCommand& replay);

}  // namespace widepipe::cli
