#include "jobs/built_in_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "jobs/toml_table.h"

namespace widepipe::jobs {
namespace {

/// What stands before the names of a kind; nothing before those of profiles.
std::string prefix_of(std::string_view kind) {
  return kind == kProfile ? "" : fmt::format("{}-", kind);
}

std::string names_of(std::string_view kind) {
  std::vector<std::string_view> names;
  const std::string prefix = prefix_of(kind);
  for (const auto& [name, text] : built_in_files()) {
    const bool other = prefix.empty() && name.find('-') != std::string_view::npos;
    if (name.starts_with(prefix) && !other) names.push_back(name.substr(prefix.size()));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

bool is_toml_file(std::string_view name) {
  return name.ends_with(".toml") || name.find('/') != std::string_view::npos;
}

NamedText text_of(std::string_view kind, const std::string& name_or_file) {
  if (is_toml_file(name_or_file)) {
    return {read_toml_file(kind, name_or_file), name_or_file};
  }
  const std::string wanted = prefix_of(kind) + name_or_file;
  for (const auto& [name, text] : built_in_files()) {
    if (name == wanted) return {std::string(text), wanted + ".toml"};
  }
  throw_input_error("{} '{}' is not known: expected {}, or a file, NAME.toml{}", kind, name_or_file,
                    names_of(kind), kind == kWorkload ? ", or a trace, NAME.h5" : "");
}

}  // namespace widepipe::jobs
