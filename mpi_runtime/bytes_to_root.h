#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "mpi_runtime/collectives.h"

namespace widepipe::mpi_runtime {

/// [collective] The bytes of all ranks, as blocks on rank 0; null on the others. At the end of a
/// job: blocks. All together at most kMaxPayloadBytes.
std::shared_ptr<const Blocks> bytes_to_root(Collectives& collectives,
                                            std::span<const std::byte> mine);

}  // namespace widepipe::mpi_runtime
