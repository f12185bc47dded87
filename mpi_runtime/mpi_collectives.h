#pragma once

#include <memory>

#include "mpi_runtime/collectives.h"

namespace widepipe::mpi_runtime {

/// Portable MPI-3.1 on duplicates of MPI_COMM_WORLD, one a lane. [collective] MPI must be
/// initialised, and stay so until after the object and all its operations are gone.
std::unique_ptr<Collectives> make_mpi_collectives();

}  // namespace widepipe::mpi_runtime
