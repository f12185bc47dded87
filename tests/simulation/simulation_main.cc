// Rank 0's controller, the workers, the journal and the outputs, by a simulated clock on simulated
// ranks, networks, devices and disks, which fail in all the ways that docs/reliability.md names.
//
//   simulation --seeds 10000            seeds 0 to 9,999
//   simulation --from 5000 --seeds 100  5,000 to 5,099
//   simulation --seed 4711              one, and what happens in it
//
// Exit code 1 if a promise was broken; it says which, and of which seed.

#include <fmt/format.h>
#include <stdlib.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>

#include "tests/simulation/sim_job.h"

namespace {

using widepipe::simulation::Tally;

bool holds(std::uint64_t seed, const std::string& folder, bool tell, Tally& tally) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  try {
    widepipe::simulation::simulate(seed, folder, tell, tally);
    return true;
  } catch (const std::exception& error) {
    fmt::print("seed {}: {}\n  again, with all that happens: simulation --seed {}\n", seed,
               error.what(), seed);
    return false;
  }
}

void print(const Tally& tally, std::uint64_t seeds) {
  std::int64_t allocations = 0;
  for (const auto& [end, count] : tally.ends) allocations += count;
  fmt::print("{} jobs, {} allocations; {} rows done, {} failed\n", seeds, allocations,
             tally.rows_done, tally.rows_failed);
  for (const auto& [fault, count] : tally.faults) fmt::print("  {:>6} {}\n", count, fault);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Deterministic simulation of score jobs under faults");
  std::uint64_t from = 0;
  std::uint64_t seeds = 200;
  std::optional<std::uint64_t> one;
  app.add_option("--from", from, "First seed [0]");
  app.add_option("--seeds", seeds, "How many [200]");
  app.add_option("--seed", one, "Only this one, and tell what happens");
  CLI11_PARSE(app, argc, argv);

  std::string folder = std::filesystem::temp_directory_path() / "widepipe-simulation-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return 2;
  if (one) {
    from = *one;
    seeds = 1;
  }
  Tally tally;
  std::uint64_t broken = 0;
  for (std::uint64_t seed = from; seed < from + seeds; ++seed) {
    if (!holds(seed, folder + "/job", one.has_value(), tally)) ++broken;
    std::fflush(stdout);
  }
  std::filesystem::remove_all(folder);
  print(tally, seeds);
  fmt::print("{} of {} seeds: every promise held\n", seeds - broken, seeds);
  return broken == 0 && seeds > 0 ? 0 : 1;
}
