#pragma once

#include <cstddef>
#include <string_view>

namespace widepipe {

/// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the
/// other.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace widepipe
