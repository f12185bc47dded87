#include "jobs/output_binding.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "dataset/open_source.h"

namespace widepipe::jobs {
namespace {

/// A result column, before it has a path.
struct Part {
  std::string output;
  std::string suffix;  ///< "_indices", or empty for the output as it is
  DType dtype;
  Shape row_shape;
};

std::vector<Part> parts_of(const model::Model& model, const mpi_runtime::StreamOutputs& outputs) {
  std::vector<Part> parts;
  if (outputs.empty()) {
    for (const model::Port& port : model.outputs()) {
      parts.push_back({port.name, "", port.dtype, port.row_shape});
    }
  }
  for (const mpi_runtime::StoredOutput& stored : outputs) {
    for (const dataset::TransformedColumn& column : stored.transform.columns()) {
      parts.push_back(
          {model.outputs()[stored.output].name, column.suffix, column.dtype, column.row_shape});
    }
  }
  return parts;
}

/// The data sets of the results: the named one, or with several one in the named group for each,
/// called after the output ("/" becomes "_") and its form.
std::vector<dataset::OutputColumn> output_columns(const model::Model& model,
                                                  const mpi_runtime::StreamOutputs& outputs,
                                                  const std::string& path) {
  const std::vector<Part> parts = parts_of(model, outputs);
  const bool one_output = outputs.size() == 1 || model.outputs().size() == 1;
  std::vector<dataset::OutputColumn> columns;
  for (const Part& part : parts) {
    std::string name =
        one_output ? part.suffix.substr(part.suffix.empty() ? 0 : 1) : part.output + part.suffix;
    std::replace(name.begin(), name.end(), '/', '_');
    const std::string full = parts.size() == 1 ? path
                             : path == "/"     ? "/" + name
                                               : path + "/" + name;
    columns.push_back({full, part.dtype, part.row_shape});
  }
  return columns;
}

std::size_t index_of(const model::Model& model, const OutputChoice& choice) {
  const std::vector<model::Port>& ports = model.outputs();
  if (choice.name.empty()) {
    if (ports.size() == 1) return 0;
    std::vector<std::string> names;
    for (const model::Port& port : ports) names.push_back(port.name);
    throw_input_error("{}: {} has {} outputs ({}): expected NAME=FORM with one of these names",
                      choice.where, model.label(), ports.size(), fmt::join(names, ", "));
  }
  const auto port = std::find_if(ports.begin(), ports.end(),
                                 [&](const model::Port& one) { return one.name == choice.name; });
  return static_cast<std::size_t>(port - ports.begin());
}

}  // namespace

std::vector<std::string> chosen_outputs(std::string_view label, const model::Declared& declared,
                                        const StreamSpec& stream) {
  std::vector<std::string> names;
  for (const OutputChoice& choice : stream.outputs) {
    if (choice.name.empty()) continue;  // its only one
    const auto& known = declared.outputs;
    if (std::find(known.begin(), known.end(), choice.name) == known.end()) {
      throw_input_error("{}: {} has no output '{}'; its outputs: {}", choice.where, label,
                        choice.name, fmt::join(known, ", "));
    }
    if (std::find(names.begin(), names.end(), choice.name) != names.end()) {
      throw_input_error("{}: output '{}' of {} was already given a form", choice.where, choice.name,
                        label);
    }
    names.push_back(choice.name);
  }
  return names;
}

mpi_runtime::StreamOutputs stream_outputs(const model::Model& model, const StreamSpec& stream) {
  const auto raw = [](const OutputChoice& choice) {
    return choice.stored.form == dataset::OutputForm::kRaw;
  };
  mpi_runtime::StreamOutputs outputs;
  for (const OutputChoice& choice : stream.outputs) {
    const std::size_t index = index_of(model, choice);
    const model::Port& port = model.outputs()[index];
    try {
      outputs.push_back({index, dataset::RowTransform(choice.stored.form, choice.stored.k,
                                                      port.dtype, port.row_shape)});
    } catch (const InputError& error) {
      throw_input_error("{}: output '{}' of {}: {}", choice.where, port.name, model.label(),
                        error.what());
    }
  }
  // The model computes those that were chosen, in their order: nothing is left to do.
  if (std::all_of(stream.outputs.begin(), stream.outputs.end(), raw)) outputs.clear();
  return outputs;
}

dataset::OutputSpec result_spec(const model::Model& model,
                                const mpi_runtime::StreamOutputs& outputs, const StreamSpec& stream,
                                std::int64_t rows) {
  const dataset::DatasetRef& target = stream.output;
  std::vector<dataset::OutputColumn> columns = output_columns(model, outputs, target.path);
  std::string status_path = columns.size() == 1  ? target.path + "_status"
                            : target.path == "/" ? "/status"
                                                 : target.path + "/status";
  return {.target = target,
          .columns = std::move(columns),
          .rows = rows,
          .attributes = {},
          .status_path = std::move(status_path)};
}

std::string outputs_text(const StreamSpec& stream, const model::Model& model,
                         const mpi_runtime::StreamOutputs& outputs) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < stream.outputs.size(); ++i) {
    const model::Port& port = model.outputs()[outputs.empty() ? i : outputs[i].output];
    texts.push_back(
        fmt::format("{} {}", port.name, outputs.empty() ? "raw" : outputs[i].transform.name()));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::vector<std::shared_ptr<const dataset::RowSource>> open_carried(const StreamSpec& stream,
                                                                    std::int64_t rows) {
  std::vector<std::shared_ptr<const dataset::RowSource>> carried;
  for (const dataset::DatasetRef& data : stream.carry) {
    carried.push_back(dataset::open_source({.data = data}, stream.rows));
    if (carried.back()->rows() == rows) continue;
    throw_input_error("{}: expected {} rows as the inputs have, found {}", carried.back()->name(),
                      rows, carried.back()->rows());
  }
  return carried;
}

}  // namespace widepipe::jobs
