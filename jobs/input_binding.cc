#include "jobs/input_binding.h"

#include <fmt/ranges.h>

#include <memory>
#include <optional>

#include "core/error.h"
#include "dataset/open_source.h"

namespace widepipe::jobs {
namespace {

std::string names_of(const std::vector<model::Port>& ports) {
  std::vector<std::string> names;
  for (const model::Port& port : ports) names.push_back(port.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

/// The index of the input that the spec means.
std::size_t port_of(const model::Model& model, const InputSpec& input) {
  const std::vector<model::Port>& ports = model.inputs();
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const bool named = input.name.empty() ? input.source.data.file.starts_with(ports[i].name + "=")
                                          : input.name == ports[i].name;
    if (named) return i;
  }
  if (!input.name.empty()) {
    throw_input_error("{}: {} has no input '{}'; its inputs: {}", input.where, model.label(),
                      input.name, names_of(ports));
  }
  if (ports.size() > 1) {
    throw_input_error(
        "{}: {} has {} inputs ({}): expected NAME=FILE.h5:/data with one of these names",
        input.where, model.label(), ports.size(), names_of(ports));
  }
  return 0;
}

/// Without the "NAME=" that may begin its data.
dataset::SourceSpec source_of(const InputSpec& input, const std::string& name) {
  dataset::SourceSpec source = input.source;
  const std::string prefix = name + "=";
  if (input.name.empty() && source.data.file.starts_with(prefix)) {
    source.data.file.erase(0, prefix.size());
  }
  return source;
}

std::string shape_with_rows(const dataset::RowSource& data) {
  Shape shape = data.row_shape();
  shape.insert(shape.begin(), data.rows());
  return to_string(shape);
}

}  // namespace

std::string shape_with_batch(const Shape& row_shape) {
  std::string text = "[N";
  for (const std::int64_t dim : row_shape) text += fmt::format(", {}", dim);
  return text + "]";
}

std::vector<dataset::SourceSpec> match_inputs(const model::Model& model,
                                              const std::vector<InputSpec>& inputs) {
  const std::vector<model::Port>& ports = model.inputs();
  std::vector<std::optional<dataset::SourceSpec>> sources(ports.size());
  for (const InputSpec& input : inputs) {
    const std::size_t index = port_of(model, input);
    if (sources[index]) {
      throw_input_error("{}: input '{}' of {} is already fed from {}", input.where,
                        ports[index].name, model.label(), dataset::to_string(sources[index]->data));
    }
    sources[index] = source_of(input, ports[index].name);
  }
  std::vector<dataset::SourceSpec> all;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (!sources[i]) {
      throw_input_error(
          "input '{}' of {} is not fed: add --input {}=FILE.h5:/data, or [stream.inputs.{}] to the "
          "job file",
          ports[i].name, model.label(), ports[i].name, ports[i].name);
    }
    all.push_back(*sources[i]);
  }
  return all;
}

mpi_runtime::StreamSource open_inputs(const model::Model& model,
                                      const std::vector<dataset::SourceSpec>& specs,
                                      const dataset::RowWindow& window) {
  mpi_runtime::StreamSource source;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const model::Port& port = model.inputs()[i];
    std::shared_ptr<const dataset::RowSource> data = dataset::open_source(specs[i], window);
    if (data->row_shape() != port.row_shape) {
      throw_input_error("{}: expected shape {} for input '{}' of {}, found {}", data->name(),
                        shape_with_batch(port.row_shape), port.name, model.label(),
                        shape_with_rows(*data));
    }
    data->check_readable_as(port.dtype);
    if (!source.empty() && data->rows() != source.front().dataset->rows()) {
      throw_input_error("{}: expected {} rows as in {}, found {}", data->name(),
                        source.front().dataset->rows(), source.front().dataset->name(),
                        data->rows());
    }
    source.push_back({std::move(data), port.dtype, port.bytes_per_row});
  }
  return source;
}

}  // namespace widepipe::jobs
