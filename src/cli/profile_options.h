#pragma once

#include <CLI/CLI.hpp>

#include "jobs/profile.h"

namespace widepipe::cli {

/// The verb `profile`.
void add_profile(CLI::App& app, jobs::ProfileCommand& profile);

}  // namespace widepipe::cli
