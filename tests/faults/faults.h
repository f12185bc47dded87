#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace widepipe::faults {

struct Fault {
  std::string what;
  std::int64_t from = 0;
};

/// WIDEPIPE_FAULT has them, of all ranks: "RANK:FAULT:FROM", separated by commas.
std::vector<Fault> faults_of_this_rank();

}  // namespace widepipe::faults
