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

/// The index of the input that "NAME=..." names; nothing if the argument has no such prefix.
std::optional<std::size_t> named_port(const model::Model& model, const std::string& argument) {
  for (std::size_t i = 0; i < model.inputs().size(); ++i) {
    if (argument.starts_with(model.inputs()[i].name + "=")) return i;
  }
  return std::nullopt;
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
                                              const std::vector<std::string>& arguments) {
  const std::vector<model::Port>& ports = model.inputs();
  std::vector<std::optional<dataset::DatasetRef>> refs(ports.size());
  for (const std::string& argument : arguments) {
    const std::optional<std::size_t> port = named_port(model, argument);
    std::string text = argument;
    std::size_t index = 0;
    if (port) {
      index = *port;
      text = argument.substr(ports[index].name.size() + 1);
    } else if (ports.size() > 1) {
      throw_input_error(
          "--input {}: {} has {} inputs ({}): expected NAME=FILE.h5:/data with one of these names",
          argument, model.label(), ports.size(), names_of(ports));
    }
    if (refs[index]) {
      throw_input_error("--input {}: input '{}' of {} is already fed from {}", argument,
                        ports[index].name, model.label(), dataset::to_string(*refs[index]));
    }
    refs[index] = dataset::parse_dataset_ref(text);
  }
  std::vector<dataset::SourceSpec> all;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (!refs[i]) {
      throw_input_error("input '{}' of {} is not fed: add --input {}=FILE.h5:/data", ports[i].name,
                        model.label(), ports[i].name);
    }
    all.push_back({.data = *refs[i]});
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
