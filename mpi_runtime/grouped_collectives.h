#pragma once

#include <memory>

#include "mpi_runtime/collectives.h"

namespace widepipe::mpi_runtime {

/// Slots go through groups of `ranks_a_group` neighbouring ranks, from rank 1 on: rank 0 exchanges
/// with the first of each group, and these with the others, so that with about the square root of
/// all ranks in a group no rank handles more than twice so many messages a round; with larger
/// groups rank 0 handles fewer, and first ranks more. On the lanes of slots all blocks must be of
/// one size. Everything else goes by `flat`, which is MPI's, and outlives this. Operations of the
/// slots' lanes make progress only while the first ranks of groups test theirs. [collective]
std::unique_ptr<Collectives> make_grouped_collectives(Collectives& flat, int ranks_a_group);

}  // namespace widepipe::mpi_runtime
