#include "jobs/score_setup.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/error.h"
#include "dataset/file_list.h"
#include "dataset/posix_file.h"
#include "jobs/report_file.h"
#include "jobs/stream_error.h"

namespace widepipe::jobs {
namespace {

namespace fs = std::filesystem;

/// Files of other streams that stream `a` must not write, and why.
void check_apart(const StreamSpec& a, const StreamSpec& b) {
  const std::string& written = a.output.file;
  for (const InputSpec& input : b.inputs) {
    if (input.constant.empty() && dataset::same_file(written, input.source.data.file)) {
      throw_input_error(
          "{}: stream '{}' reads '{}', which stream '{}' writes: run them as two jobs, one after "
          "the other",
          input.where, b.name, input.source.data.file, a.name);
    }
    if (dataset::would_be_listed(input.source.data.file, written)) {
      throw_input_error(
          "{}: output '{}' of stream '{}' matches the wildcards of input '{}': the next run would "
          "take it for an input; choose another name or folder",
          a.where, written, a.name, input.source.data.file);
    }
  }
  for (const dataset::DatasetRef& data : b.carry) {
    if (dataset::same_file(written, data.file)) {
      throw_input_error(
          "{}: stream '{}' carries rows of '{}', which stream '{}' writes: run them as two jobs, "
          "one after the other",
          b.where, b.name, data.file, a.name);
    }
  }
  for (const std::string& beside : dataset::files_beside(b.output.file)) {
    if (dataset::same_file(written, beside)) {
      throw_input_error(
          "{}: stream '{}' writes '{}', which widepipe makes beside the output of stream '{}': "
          "choose another name",
          a.where, a.name, written, b.name);
    }
  }
}

/// Each output alone was checked before.
void check_disks(const std::vector<std::unique_ptr<StreamSetup>>& streams) {
  std::vector<const dataset::OutputSpec*> outputs;
  for (const auto& stream : streams) outputs.push_back(&stream->spec());
  if (const auto shortage = dataset::find_shortage(outputs)) {
    throw_input_error(
        "the outputs of {} streams need {} together, but '{}' has only {} free: "
        "free some, or write elsewhere",
        shortage->outputs, dataset::format_bytes(shortage->needed), shortage->folder,
        dataset::format_bytes(shortage->available));
  }
}

}  // namespace

ScoreSetup::ScoreSetup(const JobSpec& job, const std::string& isa)
    : job_(job), models_(job.settings.device) {
  check_streams_apart();
  read_streams();
  if (!job.settings.without_outputs) check_outputs();
  check_report_file(job_.settings.report_file, files());
  if (!job.settings.without_outputs) lock_outputs();
  for (const auto& stream : streams_) {
    for_stream(job_, stream->stream(), [&] { stream->decide(isa); });
  }
}

void ScoreSetup::check_streams_apart() const {
  for (const StreamSpec& a : job_.streams) {
    for (const StreamSpec& b : job_.streams) {
      if (&a == &b) continue;
      if (dataset::same_file(a.output.file, b.output.file)) {
        throw_input_error(
            "{}: streams '{}' and '{}' both write '{}': each stream makes a file of its own",
            b.where, a.name, b.name, b.output.file);
      }
      check_apart(a, b);
    }
  }
}

void ScoreSetup::read_streams() {
  for (const StreamSpec& stream : job_.streams) {
    for_stream(job_, stream, [&] {
      streams_.push_back(std::make_unique<StreamSetup>(stream, job_.settings, models_));
    });
  }
}

std::vector<std::string> ScoreSetup::files_read() const {
  std::vector<std::string> files;
  if (!job_.file.empty()) files.push_back(job_.file);
  for (const auto& stream : streams_) {
    for (std::string& file : stream->files_read()) files.push_back(std::move(file));
  }
  return files;
}

std::vector<std::string> ScoreSetup::files() const {
  std::vector<std::string> files = files_read();
  for (const auto& stream : streams_) {
    const std::string& output = stream->output_file();
    files.push_back(output);
    for (std::string& beside : dataset::files_beside(output)) files.push_back(std::move(beside));
  }
  return files;
}

void ScoreSetup::check_outputs() const {
  const std::vector<std::string> read = files_read();
  for (const auto& stream : streams_) {
    for_stream(job_, stream->stream(), [&] { stream->check_output(read); });
  }
  check_disks(streams_);
}

/// Sorted, so that of two jobs that want the same outputs one gets them all.
void ScoreSetup::lock_outputs() {
  std::map<std::string, StreamSetup*> sorted;
  for (const auto& stream : streams_) {
    sorted.emplace(dataset::canonical_path(stream->output_file()), stream.get());
  }
  for (const auto& [path, stream] : sorted) {
    for_stream(job_, stream->stream(), [owner = stream] { owner->lock(); });
  }
}

void ScoreSetup::create_files() const {
  for (std::size_t made = 0; made < streams_.size(); ++made) {
    try {
      for_stream(job_, streams_[made]->stream(), [&] { streams_[made]->create_files(); });
    } catch (const InputError&) {
      for (std::size_t i = 0; i < made; ++i) streams_[i]->remove_files();
      throw;
    }
  }
}

void ScoreSetup::remove_files() const {
  for (const auto& stream : streams_) stream->remove_files();
}

}  // namespace widepipe::jobs
