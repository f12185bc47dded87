#pragma once

#include <cstdio>
#include <string_view>

namespace widepipe {

/// Prints and flushes. A closed pipe or a full disk behind `out` is nobody's reason to end a
/// job: failures are ignored.
void say(std::FILE* out, std::string_view text) noexcept;

}  // namespace widepipe
