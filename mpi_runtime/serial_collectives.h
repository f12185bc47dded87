#pragma once

#include <memory>

#include "mpi_runtime/collectives.h"

namespace widepipe::mpi_runtime {

/// One rank, no MPI: every operation is complete when it is posted.
std::unique_ptr<Collectives> make_serial_collectives();

}  // namespace widepipe::mpi_runtime
