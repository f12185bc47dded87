#include "jobs/job_spec.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <utility>

namespace widepipe::jobs {

std::optional<std::int64_t> parse_digits(std::string_view text) {
  std::int64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || stop != last || value < 0) return std::nullopt;
  return value;
}

std::optional<dataset::RowWindow> parse_row_window(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  dataset::RowWindow window;
  if (colon > 0) {
    const auto first = parse_digits(text.substr(0, colon));
    if (!first) return std::nullopt;
    window.first = *first;
  }
  if (colon + 1 < text.size()) {
    window.end = parse_digits(text.substr(colon + 1));
    if (!window.end || *window.end <= window.first) return std::nullopt;
  }
  return window;
}

std::string default_stream_name(const std::string& model) {
  return std::filesystem::path(model).stem().string();
}

std::string stream_prefix(const JobSpec& job, const StreamSpec& stream) {
  return job.streams.size() > 1 ? fmt::format("stream '{}': ", stream.name) : "";
}

JobSpec short_job(const ScoreCommand& command) {
  StreamSpec stream;
  stream.name = default_stream_name(command.model);
  stream.model = command.model;
  for (const std::string& argument : command.inputs) {
    InputSpec input;
    input.where = fmt::format("--input {}", argument);
    input.source.data = dataset::parse_dataset_ref(argument);
    stream.inputs.push_back(std::move(input));
  }
  stream.rows = command.window;
  stream.output = dataset::parse_dataset_ref(command.output);
  JobSpec job;
  job.streams.push_back(std::move(stream));
  return job;
}

}  // namespace widepipe::jobs
