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

/// Tells the test that a fault begins: makes the file that WIDEPIPE_FAULT_SIGN names, if it does.
void give_sign();

}  // namespace widepipe::faults
