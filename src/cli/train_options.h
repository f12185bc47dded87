#pragma once

#include <CLI/CLI.hpp>

#include "jobs/train.h"

namespace widepipe::cli {

/// The verb `train`.
void add_train(CLI::App& app, jobs::TrainCommand& train);

}  // namespace widepipe::cli
