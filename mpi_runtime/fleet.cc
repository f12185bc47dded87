#include "mpi_runtime/fleet.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/units.h"

namespace widepipe::mpi_runtime {
namespace {

std::string to_text(const RankPlace& place) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", place.host, place.pid, place.isa,
                     place.versions, place.free_memory, place.budget.cores,
                     place.budget.quota_cores, fmt::join(place.budget.cpus, " "));
}

RankPlace from_text(const std::string& text) {
  RankPlace place;
  std::istringstream stream(text);
  std::getline(stream, place.host);
  stream >> place.pid;
  stream.ignore();
  std::getline(stream, place.isa);
  std::getline(stream, place.versions);
  stream >> place.free_memory >> place.budget.cores >> place.budget.quota_cores;
  for (int cpu = 0; stream >> cpu;) place.budget.cpus.push_back(cpu);
  return place;
}

bool overlap(const std::vector<int>& a, const std::vector<int>& b) {
  return std::any_of(a.begin(), a.end(),
                     [&b](int cpu) { return std::binary_search(b.begin(), b.end(), cpu); });
}

}  // namespace

std::vector<RankShare> share_cores(const std::vector<RankPlace>& places) {
  std::vector<RankShare> shares(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const RankPlace& mine = places[i];
    RankShare& share = shares[i];
    int on_host = 0;
    int on_cpus = 0;
    for (const RankPlace& other : places) {
      if (other.host != mine.host) continue;
      ++on_host;
      if (overlap(mine.budget.cpus, other.budget.cpus)) ++on_cpus;
    }
    share.ranks_on_these_cpus = std::max(on_cpus, 1);
    double cores = static_cast<double>(mine.budget.cores) / share.ranks_on_these_cpus;
    if (mine.budget.quota_cores > 0) {
      cores = std::min(cores, mine.budget.quota_cores / std::max(on_host, 1));
    }
    share.oversubscribed = cores < 1.0 - 1e-9;
    share.cores = std::max(1, static_cast<int>(std::floor(cores + 1e-9)));
  }
  return shares;
}

std::map<std::string, std::uint64_t> free_memory_by_host(const std::vector<RankPlace>& places) {
  std::map<std::string, std::uint64_t> free;
  for (const RankPlace& place : places) {
    const auto [found, is_new] = free.try_emplace(place.host, place.free_memory);
    found->second = std::min(found->second, place.free_memory);
  }
  return free;
}

std::string memory_shortage(const std::vector<RankPlace>& places, std::uint64_t bytes_a_rank) {
  std::map<std::string, std::uint64_t> ranks;
  for (const RankPlace& place : places) ++ranks[place.host];
  for (const auto& [host, free] : free_memory_by_host(places)) {
    const std::uint64_t count = ranks[host];
    const std::uint64_t most = free / bytes_a_rank;
    if (count <= most) continue;
    return fmt::format(
        "host '{}': expected memory for {} rank{}, some {} more, found {} free: {}", host, count,
        count == 1 ? "" : "s", bytes_text(static_cast<double>(count * bytes_a_rank)),
        bytes_text(static_cast<double>(free)),
        most > 0 ? fmt::format("start at most {} there", most) : "there is room for none");
  }
  return "";
}

std::vector<RankPlace> exchange_places(Collectives& collectives, const std::string& isa,
                                       const std::string& versions) {
  const RankPlace mine{.host = host_name(),
                       .pid = static_cast<int>(getpid()),
                       .budget = read_cpu_budget(),
                       .isa = isa,
                       .versions = versions,
                       .free_memory = free_memory_bytes()};
  std::vector<RankPlace> places;
  for (const std::string& text : collectives.all_texts(to_text(mine))) {
    places.push_back(from_text(text));
  }
  return places;
}

}  // namespace widepipe::mpi_runtime
