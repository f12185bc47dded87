#include "jobs/input_binding.h"

#include <fmt/ranges.h>

#include <memory>
#include <optional>

#include "core/error.h"

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

/// Without the "NAME=" that may begin it.
dataset::DatasetRef data_of(const InputSpec& input, const std::string& name) {
  dataset::DatasetRef data = input.source.data;
  const std::string prefix = name + "=";
  if (input.name.empty() && data.file.starts_with(prefix)) data.file.erase(0, prefix.size());
  return data;
}

}  // namespace

std::string shape_with_batch(const Shape& row_shape) {
  std::string text = "[N";
  for (const std::int64_t dim : row_shape) text += fmt::format(", {}", dim);
  return text + "]";
}

std::vector<dataset::DatasetRef> match_inputs(const model::Model& model,
                                              const std::vector<InputSpec>& inputs) {
  const std::vector<model::Port>& ports = model.inputs();
  std::vector<std::optional<dataset::DatasetRef>> refs(ports.size());
  for (const InputSpec& input : inputs) {
    const std::size_t index = port_of(model, input);
    if (refs[index]) {
      throw_input_error("{}: input '{}' of {} is already fed from {}", input.where,
                        ports[index].name, model.label(), dataset::to_string(*refs[index]));
    }
    refs[index] = data_of(input, ports[index].name);
  }
  std::vector<dataset::DatasetRef> all;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (!refs[i]) {
      throw_input_error(
          "input '{}' of {} is not fed: add --input {}=FILE.h5:/data, or [stream.inputs.{}] to the "
          "job file",
          ports[i].name, model.label(), ports[i].name, ports[i].name);
    }
    all.push_back(*refs[i]);
  }
  return all;
}

mpi_runtime::StreamSource open_inputs(const model::Model& model,
                                      const std::vector<dataset::DatasetRef>& refs) {
  mpi_runtime::StreamSource source;
  for (std::size_t i = 0; i < refs.size(); ++i) {
    const model::Port& port = model.inputs()[i];
    auto data = std::make_shared<dataset::InputDataset>(refs[i]);
    if (data->row_shape() != port.row_shape) {
      throw_input_error("{}: expected shape {} for input '{}' of {}, found {}",
                        dataset::to_string(refs[i]), shape_with_batch(port.row_shape), port.name,
                        model.label(), to_string(data->shape()));
    }
    data->check_readable_as(port.dtype);
    if (!source.empty() && data->rows() != source.front().dataset->rows()) {
      throw_input_error("{}: expected {} rows as in {}, found {}", dataset::to_string(refs[i]),
                        source.front().dataset->rows(), dataset::to_string(refs.front()),
                        data->rows());
    }
    source.push_back({std::move(data), port.dtype, port.bytes_per_row});
  }
  return source;
}

}  // namespace widepipe::jobs
