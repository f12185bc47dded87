#pragma once
// Files of learned policies: parameters, and how they came about. docs/file-formats.md describes
// them.

#include <cstdint>
#include <string>

#include "schedule/learned_parameters.h"

namespace widepipe::jobs {

inline constexpr std::string_view kPolicy = "policy";

/// What it takes to learn the same again.
struct TrainingRecipe {
  std::string version;  ///< of widepipe
  std::string profile = "npu";
  std::uint64_t seed = 1;
  int candidates = 20;
  int scenarios = 10;
  int pool = 400;
  int plain = 100;
  double step = 0.05;
  std::string start;  ///< hash of the parameters that it began with; empty: greedy's
  int generations = 0;
  double minutes = 0;
  int online_steps = 0;  ///< of --learn, since then
  double gain = 0;       ///< score on scenarios that it was not trained on, less greedy's

  bool operator==(const TrainingRecipe&) const = default;
};

struct LearnedFile {
  schedule::LearnedParameters parameters;
  TrainingRecipe recipe;
};

/// As it is written. The checksum is of the parameters, as numbers.
std::string policy_toml(const LearnedFile& file);

/// `file` is what messages call it. Throws InputError: another format, other heads or features,
/// numbers that are not finite, a checksum that is not that of the parameters.
LearnedFile parse_policy(std::string_view text, const std::string& file);

/// A built-in policy by its name ("default"), or a file.
LearnedFile load_policy(const std::string& name_or_file);

/// Identity of parameters.
std::string policy_hash(const schedule::LearnedParameters& parameters);

}  // namespace widepipe::jobs
