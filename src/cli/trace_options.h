#pragma once

#include <CLI/CLI.hpp>

#include "jobs/convert_trace.h"

namespace widepipe::cli {

void add_trace(CLI::App& app, jobs::TraceCommand& trace);

}  // namespace widepipe::cli
