#include "jobs/azure_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <istream>
#include <limits>
#include <map>
#include <random>
#include <string_view>

#include "core/error.h"

namespace widepipe::jobs {
namespace {

constexpr std::string_view kHeader2019 = "HashOwner,HashApp,HashFunction,Trigger,1";
constexpr std::string_view kHeader2021 = "app,func,end_timestamp,duration";
constexpr double kMinute = 60;

/// Fields that hold no commas themselves, which neither form's do.
std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t comma = line.find(',');
    fields.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

/// Lines of a file, and where one is for messages.
class Lines {
 public:
  Lines(std::istream& text, std::string name) : text_(text), name_(std::move(name)) {}

  bool next(std::string& line) {
    if (!std::getline(text_, line)) return false;
    ++number_;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return true;
  }
  std::string where() const { return fmt::format("{}: line {}", name_, number_); }

 private:
  std::istream& text_;
  const std::string name_;
  std::int64_t number_ = 0;
};

template <typename Number>
Number number_of(std::string_view field, const Lines& lines, std::string_view what) {
  Number number{};
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), number);
  if (error != std::errc() || end != field.data() + field.size()) {
    throw_input_error("{}: {} is '{}', expected a number", lines.where(), what, field);
  }
  return number;
}

void check_fields(std::size_t found, std::size_t expected, const Lines& lines) {
  if (found == expected) return;
  throw_input_error("{}: {} fields, expected {}", lines.where(), found, expected);
}

using ByFunction = std::map<std::string, std::vector<double>>;

ByFunction read_2019(Lines& lines, std::size_t columns, int first_minute, int minutes,
                     std::uint64_t seed) {
  constexpr std::size_t kNames = 4;
  constexpr std::int64_t kMost = 100'000'000;  // invocations: some 5 GB here
  const auto there = static_cast<int>(columns - kNames);
  if (first_minute > there) {
    throw_input_error("{}: has {} minutes, and {} is asked for", lines.where(), there,
                      first_minute);
  }
  const int end = std::min(first_minute - 1 + minutes, there);
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> within(0, kMinute);
  ByFunction functions;
  std::int64_t all = 0;
  std::string line;
  while (lines.next(line)) {
    if (line.empty()) continue;
    const std::vector<std::string_view> fields = split(line);
    check_fields(fields.size(), columns, lines);
    std::vector<double>& times =
        functions[fmt::format("{},{},{}", fields[0], fields[1], fields[2])];
    for (int minute = first_minute - 1; minute < end; ++minute) {
      const auto field = fields[kNames + static_cast<std::size_t>(minute)];
      const std::string what = fmt::format("the count of minute {}", minute + 1);
      const auto count = number_of<std::int64_t>(field, lines, what);
      if (count < 0 || count > kMost) {
        throw_input_error("{}: {} is {}, expected 0 to {}", lines.where(), what, count, kMost);
      }
      if ((all += count) > kMost) {
        throw_input_error("{}: more than {} invocations so far: take fewer minutes", lines.where(),
                          kMost);
      }
      for (std::int64_t i = 0; i < count; ++i) {
        times.push_back((minute - first_minute + 1) * kMinute + within(random));
      }
    }
  }
  return functions;
}

ByFunction read_2021(Lines& lines, std::size_t columns, int first_minute, int minutes) {
  ByFunction functions;
  double first = std::numeric_limits<double>::infinity();
  std::string line;
  while (lines.next(line)) {
    if (line.empty()) continue;
    const std::vector<std::string_view> fields = split(line);
    check_fields(fields.size(), columns, lines);
    const auto end = number_of<double>(fields[2], lines, "end_timestamp");
    const auto duration = number_of<double>(fields[3], lines, "duration");
    if (!std::isfinite(end - duration) || !std::isfinite(end) || !(duration >= 0)) {
      throw_input_error(
          "{}: ends at {} after {} s, expected finite times, and a duration of 0 or more",
          lines.where(), fields[2], fields[3]);
    }
    functions[fmt::format("{},{}", fields[0], fields[1])].push_back(end - duration);
    first = std::min(first, end - duration);
  }
  const double begin = first + (first_minute - 1) * kMinute;
  for (auto& [name, times] : functions) {
    for (double& time : times) time -= begin;
    std::erase_if(times, [&](double time) { return time < 0 || time >= minutes * kMinute; });
  }
  return functions;
}

}  // namespace

Invocations read_azure_trace(std::istream& text, const std::string& name, int first_minute,
                             int minutes, std::uint64_t seed) {
  Lines lines(text, name);
  std::string header;
  lines.next(header);
  const std::size_t columns = split(header).size();
  ByFunction functions;
  if (header.starts_with(kHeader2019)) {
    functions = read_2019(lines, columns, first_minute, minutes, seed);
  } else if (header == kHeader2021) {
    functions = read_2021(lines, columns, first_minute, minutes);
  } else {
    throw_input_error("{}: line 1 is '{:.60}', expected '{},...' or '{}'", name, header,
                      kHeader2019, kHeader2021);
  }
  Invocations invocations;
  for (auto& [function, times] : functions) {
    if (times.empty()) continue;
    std::sort(times.begin(), times.end());
    invocations.times.push_back(std::move(times));
  }
  if (invocations.times.empty()) {
    throw_input_error("{}: no invocation in the {} minutes from minute {} on", name, minutes,
                      first_minute);
  }
  std::stable_sort(invocations.times.begin(), invocations.times.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return invocations;
}

}  // namespace widepipe::jobs
