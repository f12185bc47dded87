#include "jobs/job_spec.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

namespace widepipe::jobs {

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
  stream.output = dataset::parse_dataset_ref(command.output);
  JobSpec job;
  job.streams.push_back(std::move(stream));
  return job;
}

}  // namespace widepipe::jobs
