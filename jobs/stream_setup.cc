#include "jobs/stream_setup.h"
#include "jobs/allocation.h"

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
#include "dataset/shard_files.h"
#include "device/device_list.h"
#include "jobs/constant_input.h"
#include "jobs/output_binding.h"
#include "jobs/row_check.h"

namespace widepipe::jobs {
namespace {

/// The files that widepipe makes beside an output must not be the job's own inputs, or
/// somebody's file that happens to have the name.
void check_beside_files(const std::string& output, const std::vector<std::string>& inputs) {
  for (const std::string& file : dataset::files_beside(output)) {
    for (const std::string& input : inputs) {
      if (dataset::same_file(file, input)) {
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
  refuse_unless(dataset::lock_path(output), '{', '{');     // JSON
  refuse_unless(dataset::journal_path(output), '0', 'f');  // a checksum
}

}  // namespace

std::vector<dataset::InputIdentity> input_identities(const mpi_runtime::StreamSource& source) {
  std::vector<dataset::InputIdentity> identities;
  for (const mpi_runtime::PortSource& port : source) {
    identities.push_back(port.dataset->identity());
  }
  return identities;
}

std::string content_of(const std::vector<dataset::InputIdentity>& inputs) {
  std::string content;
  for (const dataset::InputIdentity& input : inputs) content += input.content;
  return content;
}

std::string versions_with(std::string_view device) {
  return fmt::format("widepipe {}, {}", kVersion, device::library_versions(device));
}

StreamSetup::StreamSetup(const StreamSpec& stream, const JobSettings& settings, ModelStore& models)
    : stream_(stream), settings_(settings) {
  bind_model(models);
  outputs_ = stream_outputs(*model_, stream_);
  carried_ = open_carried(stream_, source_.front().dataset->rows());
  spec_ = output_spec();
}

void StreamSetup::bind_model(ModelStore& models) {
  const std::string label = file_name(stream_.model);
  OpenInputs open;
  model_ = models.load(stream_.model, [&](const model::Declared& declared) {
    std::vector<std::string> names;
    for (const model::DeclaredInput& input : declared.inputs) names.push_back(input.name);
    inputs_ = match_inputs(label, names, stream_.inputs);
    open = open_inputs(inputs_, stream_.rows);
    model::Binding binding = bind_inputs(label, declared, inputs_, open);
    binding.outputs = chosen_outputs(label, declared, stream_);
    return binding;
  });
  source_ = fit_inputs(*model_, open);
  model_files_ = models.files(stream_.model);
  model::Binding one_row = model_->binding();
  one_row.one_row_reason = why_one_row(model_, source_);
  if (one_row.one_row_reason.empty()) return;
  model_ = models.load(stream_.model, [&](const model::Declared&) { return one_row; });
  source_ = fit_inputs(*model_, open);
}

dataset::OutputSpec StreamSetup::output_spec() const {
  dataset::OutputSpec spec =
      result_spec(*model_, outputs_, stream_, source_.front().dataset->rows());
  for (std::size_t i = 0; i < carried_.size(); ++i) {
    spec.columns.push_back({stream_.carry[i].path, carried_[i]->dtype(), carried_[i]->row_shape()});
  }
  return spec;
}

std::string StreamSetup::input_text() const {
  std::string text;
  for (const mpi_runtime::PortSource& port : source_) {
    text += (text.empty() ? "" : ", ") + port.dataset->name();
  }
  return text;
}

std::vector<std::string> StreamSetup::files_read() const {
  std::vector<std::string> files = model_files_;
  const auto add = [&](const dataset::RowSource& data) {
    for (std::string& file : data.files()) files.push_back(std::move(file));
  };
  for (const mpi_runtime::PortSource& port : source_) add(*port.dataset);
  for (const auto& data : carried_) add(*data);
  return files;
}

void StreamSetup::check_output(const std::vector<std::string>& files_read) const {
  std::vector<std::string> read;
  for (const auto& [name, input] : inputs_) {
    if (input.constant.empty()) read.push_back(input.source.data.file);
  }
  for (const dataset::DatasetRef& data : stream_.carry) read.push_back(data.file);
  for (const std::string& files : read) {
    if (!dataset::would_be_listed(files, output_file())) continue;
    throw_input_error(
        "output '{}' matches the wildcards of input '{}': the next run would take it for an "
        "input; choose another name or folder",
        output_file(), files);
  }
  dataset::check_writable(spec_, files_read);
  check_beside_files(output_file(), files_read);
}

void StreamSetup::lock() {
  lock_.emplace(dataset::lock_path(output_file()), dataset::LockOwner::this_process(slurm_job()));
}

void StreamSetup::decide(const std::string& isa) {
  const std::vector<dataset::InputIdentity> inputs = input_identities(source_);
  input_content_ = content_of(inputs);
  if (settings_.without_outputs) return;
  identity_ = identity(isa, inputs);
  spec_.attributes = attributes(identity_);
  decision_ = dataset::decide_resume(
      spec_, identity_,
      {.restart = settings_.restart,
       .may_differ = settings_.allow_mixed
                         ? std::vector<std::string>{dataset::kIsaField, dataset::kVersionField}
                         : std::vector<std::string>{},
       .retry_failed = settings_.retry_failed});
}

dataset::StringFields StreamSetup::identity(
    const std::string& isa, const std::vector<dataset::InputIdentity>& inputs) const {
  dataset::StringFields fields = {{"model", model_->hash()}};
  for (std::size_t i = 0; i < source_.size(); ++i) {
    const dataset::InputIdentity& input = inputs[i];
    const std::string& name = model_->inputs()[i].name;
    fields.emplace_back(fmt::format("input '{}'", name), input.content);
    for (const auto& [setting, value] : source_[i].dataset->settings()) {
      fields.emplace_back(fmt::format("{} of input '{}'", setting, name), value);
    }
    if (!input.whole_file_hashed) {
      fields.emplace_back(fmt::format("time of input '{}'", name), input.time);
    }
  }
  for (const auto& [name, input] : inputs_) {
    if (!input.constant.empty()) {
      fields.emplace_back(fmt::format("value of input '{}'", name), constant_text(input));
    }
    if (input.batch_axis) {
      fields.emplace_back(fmt::format("batch axis of input '{}'", name),
                          std::to_string(*input.batch_axis));
    }
  }
  if (!stream_.outputs.empty()) {
    fields.emplace_back("outputs", outputs_text(stream_, *model_, outputs_));
  }
  if (const auto& shard = stream_.rows.shard) {
    fields.emplace_back(dataset::kShardField, fmt::format("{} of {}", shard->index, shard->count));
  }
  if (stream_.fail_nonfinite.value_or(settings_.fail_nonfinite)) {
    fields.emplace_back("rows that are not finite", "fail");
  }
  for (std::size_t i = 0; i < carried_.size(); ++i) {
    fields.emplace_back(fmt::format("carried '{}'", stream_.carry[i].path),
                        carried_[i]->identity().content);
  }
  for (const dataset::OutputColumn& column : spec_.columns) {
    fields.emplace_back(
        dataset::kOutputField + column.path,
        fmt::format("{} {}", name_of(column.dtype), shape_with_batch(column.row_shape)));
  }
  const std::string device = device::chosen_device(settings_.device, *model_);
  fields.emplace_back("device", device);
  if (!model_->onnx().empty()) fields.emplace_back("precision", settings_.precision);
  fields.emplace_back(dataset::kIsaField, isa);
  fields.emplace_back(dataset::kVersionField, versions_with(device));
  return fields;
}

dataset::StringFields StreamSetup::attributes(const dataset::StringFields& identity) const {
  dataset::StringFields fields;
  for (const auto& [name, value] : identity) {
    if (name.starts_with(dataset::kOutputField) || name.starts_with("time of ")) continue;
    fields.emplace_back(name, value);
  }
  if (!settings_.allow_mixed || settings_.restart) return fields;
  // What an earlier run wrote about itself stays.
  const dataset::ExistingOutput existing = dataset::inspect_existing(output_file());
  for (auto& [name, value] : fields) {
    if (name != dataset::kIsaField && name != dataset::kVersionField) continue;
    for (const auto& [found, before] : existing.attributes) {
      if (found == name) value = before;
    }
  }
  return fields;
}

void StreamSetup::create_files() const {
  if (decision_.kind != dataset::ResumeKind::kFresh) return;
  dataset::prepare_output(
      spec_, {.rows = spec_.rows, .created = dataset::utc_now_text(), .identity = identity_});
}

void StreamSetup::remove_files() const {
  if (decision_.kind != dataset::ResumeKind::kFresh) return;
  dataset::remove_durably(dataset::journal_path(output_file()));
  dataset::remove_durably(output_file());
}

}  // namespace widepipe::jobs
