#pragma once
// Who takes part: hosts, processors, and how many cores each rank may keep busy.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "mpi_runtime/collectives.h"

namespace widepipe::mpi_runtime {

/// What a rank tells the others about the place it runs in.
struct RankPlace {
  std::string host;
  int pid = 0;
  CpuBudget budget;
  std::string isa;                ///< instruction set that its kernels use
  std::string versions;           ///< of widepipe and its kernel libraries
  std::uint64_t free_memory = 0;  ///< bytes that the ranks there may still use
};

/// The cores that a rank should use.
struct RankShare {
  int cores = 1;
  /// Ranks that want the same CPUs, this one included; 1 when they are its own.
  int ranks_on_these_cpus = 1;
  /// More ranks than cores: they take turns.
  bool oversubscribed = false;
};

/// Divides each host's cores among the ranks there. Ranks bound to CPUs of their own keep them;
/// ranks with the same CPUs get equal parts; a cgroup's quota is divided among all on the host.
std::vector<RankShare> share_cores(const std::vector<RankPlace>& places);

/// Bytes that the ranks of each host may still use, which each of them saw a little differently.
std::map<std::string, std::uint64_t> free_memory_by_host(const std::vector<RankPlace>& places);

/// The first host where not every rank can have so many bytes more, in words; empty if there is
/// none.
std::string memory_shortage(const std::vector<RankPlace>& places, std::uint64_t bytes_a_rank);

/// [collective] The places of all ranks, by rank, on every rank.
std::vector<RankPlace> exchange_places(Collectives& collectives, const std::string& isa,
                                       const std::string& versions);

}  // namespace widepipe::mpi_runtime
