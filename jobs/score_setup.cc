#include "jobs/score_setup.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "core/error.h"
#include "core/version.h"
#include "dataset/existing_output.h"
#include "dataset/file_list.h"
#include "dataset/posix_file.h"
#include "jobs/input_binding.h"
#include "jobs/model_file.h"
#include "kernels/isa.h"

namespace widepipe::jobs {
namespace {

/// Fields of the identity that --allow-mixed forgives.
constexpr const char* kIsaField = "instruction set";
constexpr const char* kVersionField = "versions";

std::string slurm_job() {
  const char* id = std::getenv("SLURM_JOB_ID");
  return id == nullptr ? "" : fmt::format("Slurm job {}", id);
}

bool same_file(const std::string& a, const std::string& b) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  return fs::weakly_canonical(a, ignored) == fs::weakly_canonical(b, ignored) ||
         fs::equivalent(a, b, ignored);
}

/// The files that widepipe makes beside an output must not be the job's own inputs, or
/// somebody's file that happens to have the name.
void check_beside_files(const std::string& output, const std::vector<std::string>& inputs) {
  const std::string journal = dataset::journal_path(output);
  const std::string lock = dataset::lock_path(output);
  for (const std::string& file : {output + ".part", journal, journal + ".part", lock}) {
    for (const std::string& input : inputs) {
      if (same_file(file, input)) {
        throw_input_error("output '{}': widepipe would write '{}', which is an input of the job",
                          output, file);
      }
    }
  }
  // Beside an output of ours they are ours too, if damaged: decide_resume() judges them.
  if (std::filesystem::exists(output)) return;
  const auto refuse_unless = [](const std::string& file, char first, char last) {
    std::ifstream stream(file, std::ios::binary);
    char found = '\0';
    if (!stream.get(found) || (found >= first && found <= last)) return;
    throw_input_error("'{}' exists and was not made by widepipe: move it or choose another output",
                      file);
  };
  refuse_unless(lock, '{', '{');     // JSON
  refuse_unless(journal, '0', 'f');  // a checksum
}

/// The report is written at the end and replaces what is there: a typo must cost neither a
/// night's work nor a file. `others` are the files of the job.
void check_report_file(const std::string& file, const std::vector<std::string>& others) {
  namespace fs = std::filesystem;
  if (file.empty()) return;
  const std::string folder = dataset::folder_of(file);
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    throw_input_error("--report {}: cannot write to folder '{}': {}", file, folder, errno_text());
  }
  std::error_code ignored;
  for (const std::string& other : others) {
    if (same_file(file, other)) {
      throw_input_error("--report {}: would overwrite '{}', a file of this job", file, other);
    }
  }
  const fs::file_status status = fs::symlink_status(file, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw_input_error("--report {}: expected a regular file or a new name, found {}", file,
                      fs::is_directory(status) ? "a folder"
                      : fs::is_symlink(status) ? "a link"
                                               : "a device or pipe");
  }
}

}  // namespace

std::string versions() {
  return fmt::format("widepipe {}, {}", kVersion, kernels::kernel_library_versions());
}

std::vector<dataset::OutputColumn> output_columns(const model::Model& model,
                                                  const std::string& path) {
  std::vector<dataset::OutputColumn> columns;
  for (const model::Port& port : model.outputs()) {
    std::string name = port.name;
    std::replace(name.begin(), name.end(), '/', '_');
    const std::string full = model.outputs().size() == 1 ? path
                             : path == "/"               ? "/" + name
                                                         : path + "/" + name;
    columns.push_back({full, port.dtype, port.row_shape});
  }
  return columns;
}

ScoreSetup::ScoreSetup(const ScoreOptions& options, const std::string& isa)
    : model_bytes_(read_model_file(options.model)),
      model_(model::Model::from_bytes(model_bytes_, file_name(options.model))) {
  const std::vector<dataset::SourceSpec> inputs = match_inputs(*model_, options.inputs);
  const dataset::DatasetRef target = dataset::parse_dataset_ref(options.output);
  source_ = open_inputs(*model_, inputs, options.window);

  const bool one_column = model_->outputs().size() == 1;
  spec_ = {.target = target,
           .columns = output_columns(*model_, target.path),
           .rows = source_.front().dataset->rows(),
           .attributes = {},
           .status_path = one_column           ? target.path + "_status"
                          : target.path == "/" ? "/status"
                                               : target.path + "/status"};
  std::vector<std::string> input_files = {options.model};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (dataset::would_be_listed(inputs[i].data.file, target.file)) {
      throw_input_error(
          "output '{}' matches the wildcards of input '{}': the next run would take it for an "
          "input; choose another name or folder",
          target.file, inputs[i].data.file);
    }
    const std::vector<std::string> files = source_[i].dataset->files();
    input_files.insert(input_files.end(), files.begin(), files.end());
  }
  dataset::check_writable(spec_, input_files);
  check_beside_files(target.file, input_files);
  input_files.insert(input_files.end(), {target.file, dataset::journal_path(target.file),
                                         dataset::lock_path(target.file)});
  check_report_file(options.report_file, input_files);
  identity_ = identity(options, isa);
  spec_.attributes = attributes(options.allow_mixed && !options.restart);

  lock_.emplace(dataset::lock_path(target.file), dataset::LockOwner::this_process(slurm_job()));
  decision_ = dataset::decide_resume(
      spec_, identity_,
      {.restart = options.restart,
       .may_differ = options.allow_mixed ? std::vector<std::string>{kIsaField, kVersionField}
                                         : std::vector<std::string>{}});
}

dataset::StringFields ScoreSetup::identity(const ScoreOptions& options,
                                           const std::string& isa) const {
  dataset::StringFields fields = {{"model", model_->hash()}};
  for (std::size_t i = 0; i < source_.size(); ++i) {
    const dataset::InputIdentity input = source_[i].dataset->identity();
    const std::string& name = model_->inputs()[i].name;
    fields.emplace_back(fmt::format("input '{}'", name), input.content);
    for (const auto& [setting, value] : source_[i].dataset->settings()) {
      fields.emplace_back(fmt::format("{} of input '{}'", setting, name), value);
    }
    if (!input.whole_file_hashed) {
      fields.emplace_back(fmt::format("time of input '{}'", name), input.time);
    }
  }
  for (const dataset::OutputColumn& column : spec_.columns) {
    fields.emplace_back("output " + column.path, fmt::format("{} {}", name_of(column.dtype),
                                                             shape_with_batch(column.row_shape)));
  }
  fields.emplace_back("device", options.device);
  fields.emplace_back(kIsaField, isa);
  fields.emplace_back(kVersionField, versions());
  return fields;
}

dataset::StringFields ScoreSetup::attributes(bool keep_mixed) const {
  dataset::StringFields fields;
  for (const auto& [name, value] : identity_) {
    if (name.starts_with("output ") || name.starts_with("time of ")) continue;
    fields.emplace_back(name, value);
  }
  if (!keep_mixed) return fields;
  // What an earlier run wrote about itself stays.
  const dataset::ExistingOutput existing = dataset::inspect_existing(spec_.target.file);
  for (auto& [name, value] : fields) {
    if (name != kIsaField && name != kVersionField) continue;
    for (const auto& [found, before] : existing.attributes) {
      if (found == name) value = before;
    }
  }
  return fields;
}

std::string ScoreSetup::input_text() const {
  std::string text;
  for (const mpi_runtime::PortSource& port : source_) {
    text += (text.empty() ? "" : ", ") + port.dataset->name();
  }
  return text;
}

void ScoreSetup::create_files() const {
  if (decision_.kind != dataset::ResumeKind::kFresh) return;
  dataset::prepare_output(
      spec_, {.rows = spec_.rows, .created = dataset::utc_now_text(), .identity = identity_});
}

}  // namespace widepipe::jobs
