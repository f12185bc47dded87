#include "jobs/input_binding.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/error.h"
#include "dataset/open_source.h"
#include "jobs/constant_input.h"

namespace widepipe::jobs {
namespace {

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string what_feeds(const InputSpec& input) {
  return input.constant.empty() ? dataset::to_string(input.source.data)
                                : "the value " + constant_text(input);
}

/// The input of the model that the spec means; `rows` are those that need data.
std::string name_meant(std::string_view label, const std::vector<std::string>& names,
                       const std::vector<std::string>& rows, const InputSpec& spec) {
  if (!spec.name.empty()) {
    if (has(names, spec.name)) return spec.name;
    throw_input_error("{}: {} has no input '{}'; its inputs: {}", spec.where, label, spec.name,
                      fmt::join(names, ", "));
  }
  for (const std::string& name : names) {
    if (spec.source.data.file.starts_with(name + "=")) return name;
  }
  const std::vector<std::string>& possible = rows.empty() ? names : rows;
  if (possible.size() != 1) {
    throw_input_error(
        "{}: {} has {} inputs ({}): expected NAME=FILE.h5:/data with one of these names",
        spec.where, label, possible.size(), fmt::join(possible, ", "));
  }
  return possible.front();
}

std::string shape_with_rows(const dataset::RowSource& data) {
  Shape shape = data.row_shape();
  shape.insert(shape.begin(), data.rows());
  return to_string(shape);
}

}  // namespace

bool has_open_sizes(const model::DeclaredInput& input, bool batch_axis_given) {
  const auto open = std::count_if(input.shape.begin(), input.shape.end(),
                                  [](const model::DeclaredDim& dim) { return !dim.size; });
  const bool batch_is_open = !input.shape.empty() && !input.shape[0].size;
  return batch_axis_given ? open > 0 : open > (batch_is_open ? 1 : 0);
}

std::string shape_with_batch(const Shape& row_shape) {
  std::string text = "[N";
  for (const std::int64_t dim : row_shape) text += fmt::format(", {}", dim);
  return text + "]";
}

MatchedInputs match_inputs(std::string_view label, const std::vector<std::string>& names,
                           const std::vector<InputSpec>& specs) {
  std::vector<std::string> rows = names;
  for (const InputSpec& spec : specs) {
    if (!spec.constant.empty()) std::erase(rows, spec.name);
  }
  MatchedInputs matched;
  for (const InputSpec& spec : specs) {
    InputSpec named = spec;
    named.name = name_meant(label, names, rows, spec);
    const std::string prefix = named.name + "=";
    if (spec.name.empty() && spec.source.data.file.starts_with(prefix)) {
      named.source.data.file.erase(0, prefix.size());
    }
    const auto [fed, is_new] = matched.emplace(named.name, named);
    if (!is_new) {
      throw_input_error("{}: input '{}' of {} is already fed from {}", spec.where, named.name,
                        label, what_feeds(fed->second));
    }
  }
  for (const std::string& name : names) {
    if (matched.contains(name)) continue;
    throw_input_error(
        "input '{}' of {} is not fed: add --input {}=FILE.h5:/data, or --value {}=NUMBER, or "
        "[stream.inputs.{}] to the job file",
        name, label, name, name, name);
  }
  return matched;
}

OpenInputs open_inputs(const MatchedInputs& inputs, const dataset::RowWindow& window) {
  OpenInputs open;
  for (const auto& [name, spec] : inputs) {
    if (spec.constant.empty()) open.emplace(name, dataset::open_source(spec.source, window));
  }
  return open;
}

model::Binding bind_inputs(std::string_view label, const model::Declared& declared,
                           const MatchedInputs& inputs, const OpenInputs& open) {
  model::Binding binding;
  for (const model::DeclaredInput& input : declared.inputs) {
    const InputSpec& spec = inputs.at(input.name);
    if (!spec.constant.empty()) {
      binding.constants.emplace(input.name, constant_tensor(label, input, spec));
      continue;
    }
    if (spec.batch_axis) binding.batch_axes.emplace(input.name, *spec.batch_axis);
    if (!has_open_sizes(input, spec.batch_axis.has_value())) continue;
    const dataset::RowSource& data = *open.at(input.name);
    if (data.row_shape().size() + 1 != input.shape.size()) {
      throw_input_error("{}: expected {} axes for input '{}' {} of {}, found {}", data.name(),
                        input.shape.size(), input.name, to_string(input.shape), label,
                        shape_with_rows(data));
    }
    binding.row_shapes.emplace(input.name, data.row_shape());
  }
  return binding;
}

mpi_runtime::StreamSource fit_inputs(const model::Model& model, const OpenInputs& open) {
  mpi_runtime::StreamSource source;
  for (const model::Port& port : model.inputs()) {
    const std::shared_ptr<const dataset::RowSource>& data = open.at(port.name);
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
    source.push_back({data, port.dtype, port.bytes_per_row});
  }
  return source;
}

mpi_runtime::StreamSource open_source(const model::Model& model, const StreamSpec& stream) {
  std::vector<std::string> names;
  for (const model::Port& port : model.inputs()) names.push_back(port.name);
  std::vector<InputSpec> rows;
  std::copy_if(stream.inputs.begin(), stream.inputs.end(), std::back_inserter(rows),
               [](const InputSpec& input) { return input.constant.empty(); });
  return fit_inputs(model, open_inputs(match_inputs(model.label(), names, rows), stream.rows));
}

}  // namespace widepipe::jobs
