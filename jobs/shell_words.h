#pragma once

#include <string>
#include <vector>

namespace widepipe::jobs {

/// As one word of a POSIX shell, quoted where it must be.
std::string shell_word(const std::string& word);

/// Joined by blanks.
std::string shell_words(const std::vector<std::string>& words);

}  // namespace widepipe::jobs
