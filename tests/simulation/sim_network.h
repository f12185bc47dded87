#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "mpi_runtime/collectives.h"
#include "tests/simulation/world.h"

namespace widepipe::simulation {

/// The collectives of a job's ranks. What is posted arrives some time after all who take part have
/// posted it; what a dead rank has not posted never does. A rank that posts sizes that do not fit
/// those of rank 0 throws std::logic_error.
class SimNetwork {
 public:
  SimNetwork(World& world, int ranks);
  ~SimNetwork();

  std::unique_ptr<mpi_runtime::Collectives> endpoint(int rank);
  /// From now on messages take up to so long.
  void delay(Duration most) { longest_ = most; }

 private:
  class Endpoint;
  class Part;
  /// One collective operation, as far as ranks have posted it.
  struct Operation {
    std::vector<std::optional<Duration>> arrives;  ///< by rank: when its part is complete
    std::vector<AlignedBuffer> sent;               ///< gather: by rank
    std::vector<std::size_t> sizes;                ///< gather: what rank 0 expects
    std::vector<std::size_t> expected;             ///< scatter: by rank
    std::shared_ptr<mpi_runtime::Blocks> blocks;
    bool waits_for_all = false;  ///< senders too, as large messages do
  };
  struct Note {
    int rank = 0;
    Duration arrives{0};
  };

  std::shared_ptr<Operation> next(mpi_runtime::Lane lane, int rank);
  Duration arrival();

  World& world_;
  const int ranks_;
  Duration longest_ = microseconds(400);
  /// By lane: those that not all ranks have posted, and how many each rank has.
  std::array<std::map<std::uint64_t, std::shared_ptr<Operation>>, mpi_runtime::kLaneCount> open_;
  std::array<std::vector<std::uint64_t>, mpi_runtime::kLaneCount> posted_;
  std::vector<Note> alive_;
};

}  // namespace widepipe::simulation
