#include "tests/faults/faults.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace widepipe::faults {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// The rank as launchers tell it: there is no MPI down here.
std::string rank() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    if (const std::string value = environment(name); !value.empty()) return value;
  }
  return "0";
}

}  // namespace

std::vector<Fault> faults_of_this_rank() {
  std::vector<Fault> faults;
  std::istringstream all(environment("WIDEPIPE_FAULT"));
  for (std::string one; std::getline(all, one, ',');) {
    std::istringstream fields(one);
    std::string of_rank;
    Fault fault;
    std::getline(fields, of_rank, ':');
    std::getline(fields, fault.what, ':');
    fields >> fault.from;
    if (of_rank == rank()) faults.push_back(fault);
  }
  return faults;
}

void give_sign() {
  if (const std::string file = environment("WIDEPIPE_FAULT_SIGN"); !file.empty()) {
    std::ofstream sign(file);
  }
}

}  // namespace widepipe::faults
