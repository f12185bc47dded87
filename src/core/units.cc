#include "core/units.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string_view>

namespace widepipe {
namespace {

/// Three significant digits, without a dangling point.
std::string three_digits(double value) {
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}", value, decimals);
}

std::string with_prefix(double value, std::string_view unit) {
  constexpr std::array<std::string_view, 6> kPrefixes = {"", "k", "M", "G", "T", "P"};
  std::size_t prefix = 0;
  while (value >= 999.5 && prefix + 1 < kPrefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  const std::string digits = prefix == 0 ? fmt::format("{:.0f}", value) : three_digits(value);
  const std::string suffix = fmt::format("{}{}", kPrefixes[prefix], unit);
  return suffix.empty() ? digits : fmt::format("{} {}", digits, suffix);
}

}  // namespace

std::string grouped(std::int64_t number) {
  const std::string digits = std::to_string(number < 0 ? -number : number);
  std::string text = number < 0 ? "-" : "";
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string bytes_text(double bytes) { return with_prefix(bytes, "B"); }

std::string scaled(double number) { return with_prefix(number, ""); }

std::string duration_text(double seconds) {
  if (seconds < 59.5) return three_digits(seconds) + " s";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  const std::int64_t minutes = (whole + 30) / 60;
  return fmt::format("{} h {:02} min", minutes / 60, minutes % 60);
}

}  // namespace widepipe
