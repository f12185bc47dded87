#include "mpi_runtime/bytes_to_root.h"

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "mpi_runtime/backoff.h"

namespace widepipe::mpi_runtime {
namespace {

AlignedBuffer copy_of(std::span<const std::byte> bytes) {
  AlignedBuffer copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  return copy;
}

std::shared_ptr<const Blocks> gather(Collectives& collectives, std::span<const std::byte> mine,
                                     const std::vector<std::size_t>& sizes) {
  Wakeup wakeup;
  Backoff backoff(wakeup, kLongestPause);
  const bool root = collectives.rank() == 0;
  const std::unique_ptr<Gather> under_way =
      root ? collectives.gather_to_root(Lane::kPayloadUp, copy_of(mine), sizes)
           : collectives.send_gather(Lane::kPayloadUp, copy_of(mine));
  while (!under_way->test()) backoff.pause(false);
  return root ? under_way->gathered() : nullptr;
}

}  // namespace

std::shared_ptr<const Blocks> bytes_to_root(Collectives& collectives,
                                            std::span<const std::byte> mine) {
  const auto ranks = static_cast<std::size_t>(collectives.size());
  const std::uint64_t size = mine.size();
  const auto told = gather(collectives, std::as_bytes(std::span(&size, 1)),
                           std::vector<std::size_t>(ranks, sizeof(size)));
  std::vector<std::size_t> sizes(ranks);
  for (std::size_t rank = 0; told && rank < ranks; ++rank) {
    std::uint64_t of_rank = 0;
    std::memcpy(&of_rank, told->block(static_cast<int>(rank)).data(), sizeof(of_rank));
    sizes[rank] = of_rank;
  }
  return gather(collectives, mine, sizes);
}

}  // namespace widepipe::mpi_runtime
