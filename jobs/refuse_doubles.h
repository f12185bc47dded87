#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "core/error.h"

namespace widepipe::jobs {

/// Throws InputError for a name that is there twice; `option` is what the message calls them.
inline void refuse_doubles(const char* option, std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) throw_input_error("{}: '{}' is there twice", option, *twice);
}

}  // namespace widepipe::jobs
