#include "jobs/allocation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "jobs/job_spec.h"

namespace widepipe::jobs {
namespace {

constexpr std::int64_t kMostOfAPart = 100'000'000;  // years, and far from any overflow

/// The numbers between colons; empty if one is not a number.
std::vector<std::int64_t> parts_of(std::string_view text) {
  std::vector<std::int64_t> parts;
  while (true) {
    const std::size_t colon = text.find(':');
    const std::optional<std::int64_t> number = parse_digits(text.substr(0, colon));
    if (!number || *number > kMostOfAPart) return {};
    parts.push_back(*number);
    if (colon == std::string_view::npos) return parts;
    text.remove_prefix(colon + 1);
  }
}

}  // namespace

std::string slurm_job() {
  const char* id = std::getenv("SLURM_JOB_ID");
  return id == nullptr ? "" : fmt::format("Slurm job {}", id);
}

std::optional<double> parse_time_limit(std::string_view text) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  if (text == "UNLIMITED" || text == "unlimited") return std::numeric_limits<double>::infinity();
  std::vector<std::int64_t> units = {kMinute};  // of the parts, by how many there are
  std::int64_t seconds = 0;
  const std::size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    const std::vector<std::int64_t> days = parts_of(text.substr(0, dash));
    if (days.size() != 1) return std::nullopt;
    seconds = days[0] * kDay;
    text.remove_prefix(dash + 1);
    units = {kHour, kMinute, 1};
  }
  const std::vector<std::int64_t> parts = parts_of(text);
  if (dash == std::string_view::npos && parts.size() == 2) units = {kMinute, 1};
  if (dash == std::string_view::npos && parts.size() == 3) units = {kHour, kMinute, 1};
  if (parts.empty() || parts.size() > units.size()) return std::nullopt;
  for (std::size_t i = 0; i < parts.size(); ++i) seconds += parts[i] * units[i];
  return static_cast<double>(seconds);
}

std::optional<double> allocation_seconds_left(const mpi_runtime::Environment& environment,
                                              double now) {
  const char* end = environment("SLURM_JOB_END_TIME");
  if (end == nullptr) return std::nullopt;
  const std::optional<std::int64_t> seconds = parse_digits(end);
  if (!seconds) return std::nullopt;
  return static_cast<double>(*seconds) - now;
}

double closing_seconds(double seconds_left) { return std::clamp(seconds_left * 0.1, 1.0, 30.0); }

}  // namespace widepipe::jobs
