#pragma once
// `widepipe trace`: invocations of a public data set become requests for models.

#include <cstdint>
#include <string>
#include <vector>

namespace widepipe::jobs {

struct TraceCommand {
  std::string input;   ///< CSV of the Azure Functions data sets
  std::string output;  ///< a trace, HDF5
  std::string profile = "npu";
  std::vector<std::string> models;  ///< networks of the profile, most popular first; empty: all
  double slo_factor = 5;            ///< deadlines, in bases of the networks
  int first_minute = 1;
  int minutes = 60;
  std::int64_t rows = 1;  ///< of the data set that is asked for
  std::uint64_t seed = 1;
};

/// Functions, the most invoked first, become requests for the models in turn. Gives the exit code.
/// Throws InputError before anything is written.
int run_trace(const TraceCommand& command);

}  // namespace widepipe::jobs
