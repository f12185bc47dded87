#include "jobs/number_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "core/error.h"

namespace widepipe::jobs {
namespace {

constexpr std::size_t kMost = 20'000'000;

/// All of the word, as the number that it is; others are refused by whoever asks. Unlike
/// std::stod it takes numbers near zero.
template <typename T>
bool read(const std::string& word, T& number) {
  const char* const end = word.data() + word.size();
  const auto [rest, error] = std::from_chars(word.data(), end, number);
  return error == std::errc() && rest == end;
}

}  // namespace

std::string numbers_text(const std::vector<double>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    const auto other = std::find_if(numbers.begin() + static_cast<std::ptrdiff_t>(i), numbers.end(),
                                    [](double number) { return number != 0; });
    const auto next = static_cast<std::size_t>(other - numbers.begin());
    if (!text.empty()) text += ' ';
    if (next > i) {
      text += fmt::format("x0 {}", next - i);
      i = next;
    } else {
      text += fmt::format("{}", numbers[i++]);
    }
  }
  return text;
}

std::vector<double> numbers_of(const std::string& text, const std::string& where) {
  std::istringstream words(text);
  std::vector<double> numbers;
  for (std::string word; words >> word;) {
    std::size_t count = 1;
    double number = 0;
    if (word == "x0") {
      word.clear();
      words >> word;
      if (!read(word, count) || count == 0) {
        throw_input_error("{}: number {}: '{}' behind 'x0', expected how many zeros", where,
                          numbers.size(), word);
      }
    } else if (!read(word, number) || !std::isfinite(number)) {
      throw_input_error("{}: number {} is '{}', expected a finite number", where, numbers.size(),
                        word);
    }
    if (count > kMost - numbers.size()) {
      throw_input_error("{}: more than {} numbers", where, kMost);
    }
    numbers.resize(numbers.size() + count, number);
  }
  return numbers;
}

}  // namespace widepipe::jobs
