#pragma once
// What goes with a cluster: the verbs `submit` and `merge`.

#include <CLI/CLI.hpp>

#include "jobs/merge.h"
#include "jobs/submit.h"

namespace widepipe::cli {

void add_submit(CLI::App& app, jobs::SubmitCommand& submit);
void add_merge(CLI::App& app, jobs::MergeCommand& merge);

}  // namespace widepipe::cli
