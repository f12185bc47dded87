#pragma once
// Numbers as text that is read back to the bit.

#include <cstdlib>
#include <istream>
#include <ostream>
#include <span>
#include <string>

namespace widepipe::rl {

/// Each behind a space.
inline void write_exactly(std::ostream& text, std::span<const double> values) {
  text << std::hexfloat;
  for (const double value : values) text << ' ' << value;
}

/// Streams do not read hexadecimal numbers. Where the text ends too early, it has failed then.
inline void read_exactly(std::istream& text, std::span<double> values) {
  for (double& value : values) {
    std::string word;
    text >> word;
    value = std::strtod(word.c_str(), nullptr);
  }
}

}  // namespace widepipe::rl
