#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace widepipe::jobs {

/// The files of jobs/profiles, as the build put them into the program: name ("npu", "fleet-mixed",
/// "workload-F") and text.
const std::vector<std::pair<std::string_view, std::string_view>>& built_in_files();

/// Kinds of them; also what messages call them.
inline constexpr std::string_view kProfile = "profile";
inline constexpr std::string_view kFleet = "fleet";
inline constexpr std::string_view kWorkload = "workload";

/// Whether this is a file, and no name of a built-in one: it has a '/' or ends in ".toml".
bool is_toml_file(std::string_view name);

/// The text of a built-in file, or of any other, is_toml_file(); and what messages call it. Throws
/// InputError: no such name, with those that there are; no such file.
struct NamedText {
  std::string text;
  std::string file;
};
NamedText text_of(std::string_view kind, const std::string& name_or_file);

}  // namespace widepipe::jobs
