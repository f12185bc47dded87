#pragma once

#include <functional>
#include <string>

#include "mpi_runtime/collectives.h"

namespace widepipe::mpi_runtime {

/// [collective] Runs `work` on this rank and finds out whether it went well on all: if it threw
/// InputError (or RunError) anywhere, every rank throws it with the messages of all, those of
/// other ranks marked `rank@host`. This is how bad input that only one rank can see ends the
/// job everywhere, without a hang.
void agree(Collectives& collectives, const std::function<void()>& work);

}  // namespace widepipe::mpi_runtime
