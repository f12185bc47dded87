#pragma once

#include <string>
#include <vector>

namespace widepipe::jobs {

/// Numbers that may be many, most of them zero: a line, in which "x0 7" is seven zeros.
std::string numbers_text(const std::vector<double>& numbers);

/// The very numbers of which that was made. Throws InputError, `where` in front of it, for what is
/// no finite number, and for more of them than any search finds.
std::vector<double> numbers_of(const std::string& text, const std::string& where);

}  // namespace widepipe::jobs
