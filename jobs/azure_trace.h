#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace widepipe::jobs {

/// Invocations of functions in the public Azure Functions data sets, by function; the functions
/// that were invoked most come first (those with none are left out).
struct Invocations {
  std::vector<std::vector<double>> times;  ///< by function: seconds, ascending
};

/// Reads CSV of either form:
/// - 2019 (Shahrad et al., ATC 2020): "HashOwner,HashApp,HashFunction,Trigger,1,...,1440", counts a
///   minute. Times within a minute are drawn; `minutes` from `first_minute` (1 is the first) on.
/// - 2021 (Zhang et al., SOSP 2021): "app,func,end_timestamp,duration", seconds; `minutes` from the
///   first start, the first being 1.
/// Times count from the start of the window. `name` is what messages call it. Throws InputError
/// with the line and what is wrong: another header, fields that are missing or no numbers, negative
/// counts or durations, no invocation in the window.
Invocations read_azure_trace(std::istream& text, const std::string& name, int first_minute,
                             int minutes, std::uint64_t seed);

}  // namespace widepipe::jobs
