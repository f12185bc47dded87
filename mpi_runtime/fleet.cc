#include "mpi_runtime/fleet.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace widepipe::mpi_runtime {
namespace {

std::string to_text(const RankPlace& place) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}", place.host, place.pid, place.isa, place.versions,
                     place.budget.cores, place.budget.quota_cores,
                     fmt::join(place.budget.cpus, " "));
}

RankPlace from_text(const std::string& text) {
  RankPlace place;
  std::istringstream stream(text);
  std::getline(stream, place.host);
  stream >> place.pid;
  stream.ignore();
  std::getline(stream, place.isa);
  std::getline(stream, place.versions);
  stream >> place.budget.cores >> place.budget.quota_cores;
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

std::vector<RankPlace> exchange_places(Collectives& collectives, const std::string& isa,
                                       const std::string& versions) {
  const RankPlace mine{host_name(), static_cast<int>(getpid()), read_cpu_budget(), isa, versions};
  std::vector<RankPlace> places;
  for (const std::string& text : collectives.all_texts(to_text(mine))) {
    places.push_back(from_text(text));
  }
  return places;
}

}  // namespace widepipe::mpi_runtime
