#include "jobs/job_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include "core/error.h"

namespace widepipe::jobs {
namespace {

/// "softmax" or "scores=softmax".
OutputChoice parse_choice(const std::string& argument) {
  OutputChoice choice{.where = fmt::format("--form {}", argument), .name = {}, .stored = {}};
  const std::size_t equals = argument.rfind('=');
  if (equals != std::string::npos) choice.name = argument.substr(0, equals);
  const auto form =
      parse_form(equals == std::string::npos ? argument : argument.substr(equals + 1));
  if (!form || equals == 0) {
    throw_input_error(
        "{}: expected FORM, or NAME=FORM for each output that is kept, where FORM is raw, softmax, "
        "argmax or, with another number, top5",
        choice.where);
  }
  choice.stored = *form;
  return choice;
}

}  // namespace

std::chrono::milliseconds watchdog_time(const JobSettings& settings) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(settings.watchdog_seconds * 1000));
}

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

std::optional<dataset::Shard> parse_shard(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto index = parse_digits(text.substr(0, slash));
  const auto count = parse_digits(text.substr(slash + 1));
  if (!index || !count || *index >= *count || *count > kMostShards) return std::nullopt;
  return dataset::Shard{*index, *count};
}

std::optional<StoredForm> parse_form(std::string_view text) {
  using dataset::OutputForm;
  if (text == "raw") return StoredForm{OutputForm::kRaw};
  if (text == "softmax") return StoredForm{OutputForm::kSoftmax};
  if (text == "argmax") return StoredForm{OutputForm::kArgmax};
  if (!text.starts_with("top")) return std::nullopt;
  const auto k = parse_digits(text.substr(3));
  if (!k || *k < 1 || *k > kMostTop) return std::nullopt;
  return StoredForm{OutputForm::kTopK, *k};
}

InputSpec parse_value(const std::string& argument) {
  InputSpec input;
  input.where = fmt::format("--value {}", argument);
  const std::size_t equals = argument.rfind('=');
  input.name = argument.substr(0, equals);
  bool good = equals != std::string::npos && equals > 0;
  for (std::size_t begin = equals + 1; good;) {
    const std::size_t comma = std::min(argument.find(',', begin), argument.size());
    double value = 0;
    const auto [stop, error] =
        std::from_chars(argument.data() + begin, argument.data() + comma, value);
    good = error == std::errc{} && stop == argument.data() + comma;
    input.constant.push_back(value);
    if (comma == argument.size()) break;
    begin = comma + 1;
  }
  if (good) return input;
  throw_input_error("{}: expected NAME=NUMBER, or NAME=NUMBER,NUMBER,... for one an element",
                    input.where);
}

std::string default_stream_name(const std::string& model) {
  const std::filesystem::path path(model);
  // Of a folder, "models/lenet/": that is refused later, under a name.
  const std::string stem = (path.has_filename() ? path : path.parent_path()).stem().string();
  return stem.empty() ? model : stem;
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
  for (const std::string& argument : command.values) stream.inputs.push_back(parse_value(argument));
  for (const std::string& argument : command.forms)
    stream.outputs.push_back(parse_choice(argument));
  for (const std::string& argument : command.carry) {
    stream.carry.push_back(dataset::parse_dataset_ref(argument));
  }
  stream.rows = command.window;
  stream.output = dataset::parse_dataset_ref(command.output);
  JobSpec job;
  job.streams.push_back(std::move(stream));
  return job;
}

}  // namespace widepipe::jobs
