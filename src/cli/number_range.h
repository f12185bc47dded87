#pragma once

#include <CLI/CLI.hpp>
#include <cmath>
#include <string>

namespace widepipe::cli {

/// As CLI::Range, which lets "nan" pass.
inline CLI::Validator number_from(double least, double most) {
  const CLI::Range range(least, most);
  const auto check = [range](std::string& text) -> std::string {
    double value = 0;
    if (CLI::detail::lexical_cast(text, value) && std::isnan(value)) {
      return "expected a number, found " + text;
    }
    return range(text);
  };
  return {check, range.get_description()};
}

/// Of whole numbers without a sign, which would become large ones.
inline std::string not_negative(const std::string& text) {
  return text.find('-') != std::string::npos ? "expected a whole number from 0 on, found " + text
                                             : "";
}

}  // namespace widepipe::cli
