#include "device/openvino_model.h"

#include <algorithm>
#include <array>
#include <openvino/op/constant.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/op/reshape.hpp>
#include <openvino/op/transpose.hpp>
#include <regex>
#include <utility>

#include "core/error.h"

namespace widepipe::device {
namespace {

constexpr std::array<std::pair<DType, ov::element::Type_t>, 11> kTypes = {{
    {DType::kF32, ov::element::Type_t::f32},
    {DType::kF64, ov::element::Type_t::f64},
    {DType::kI8, ov::element::Type_t::i8},
    {DType::kI16, ov::element::Type_t::i16},
    {DType::kI32, ov::element::Type_t::i32},
    {DType::kI64, ov::element::Type_t::i64},
    {DType::kU8, ov::element::Type_t::u8},
    {DType::kU16, ov::element::Type_t::u16},
    {DType::kU32, ov::element::Type_t::u32},
    {DType::kU64, ov::element::Type_t::u64},
    {DType::kBool, ov::element::Type_t::boolean},
}};

DType dtype_of(const ov::element::Type& type) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const auto& pair) { return pair.second == type; });
  return found == kTypes.end() ? DType::kUndefined : found->first;
}

std::shared_ptr<ov::op::v0::Constant> whole_numbers(const std::vector<std::int64_t>& values) {
  return ov::op::v0::Constant::create(ov::element::i64, ov::Shape{values.size()}, values);
}

/// The nodes of a model that read nothing but what is bound.
struct Opened {
  std::shared_ptr<ov::Model> file;
  ov::ParameterVector parameters;  ///< by input port
};

Opened open(ov::Core& core, const model::Model& model) {
  if (model.onnx().empty()) throw_input_error("{}: was not imported for OpenVINO", model.label());
  const std::string bytes(reinterpret_cast<const char*>(model.onnx().data()), model.onnx().size());
  Opened opened{.file = core.read_model(bytes, ov::Tensor()), .parameters = {}};
  const auto parameter_of = [&](const std::string& name) {
    return ov::as_type_ptr<ov::op::v0::Parameter>(opened.file->input(name).get_node_shared_ptr());
  };
  for (const auto& [name, value] : model.binding().constants) {
    const ov::Shape shape(value->shape().begin(), value->shape().end());
    parameter_of(name)->output(0).replace(std::make_shared<ov::op::v0::Constant>(
        openvino_type(value->dtype()), shape, value->data()));
  }
  for (const model::Port& port : model.inputs()) {
    opened.parameters.push_back(parameter_of(port.name));
  }
  return opened;
}

/// Of buffers with the rows first, and with that all other shapes. A single row has the same bytes
/// wherever its axis is.
void shape_inputs(Opened& opened, const model::Model& model, std::int64_t rows) {
  const ov::Dimension batch = rows == 1 ? ov::Dimension(1) : ov::Dimension(1, rows);
  for (std::size_t i = 0; i < opened.parameters.size(); ++i) {
    const model::Port& port = model.inputs()[i];
    std::vector<ov::Dimension> dims(port.row_shape.begin(), port.row_shape.end());
    dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(port.batch_axis), batch);
    opened.parameters[i]->set_partial_shape(dims);
    if (port.batch_axis == 0 || rows == 1) continue;
    std::rotate(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(port.batch_axis),
                dims.begin() + static_cast<std::ptrdiff_t>(port.batch_axis) + 1);
    auto rows_first = std::make_shared<ov::op::v0::Parameter>(openvino_type(port.dtype), dims);
    std::vector<std::int64_t> order;
    for (std::size_t axis = 1; axis < dims.size(); ++axis) {
      order.push_back(static_cast<std::int64_t>(axis));
    }
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(port.batch_axis), 0);
    opened.parameters[i]->output(0).replace(
        std::make_shared<ov::op::v1::Transpose>(rows_first, whole_numbers(order)));
    opened.parameters[i] = rows_first;
  }
  opened.file->validate_nodes_and_infer_types();
}

ov::Output<ov::Node> output_of(const Opened& opened, const std::string& name) {
  return opened.file->output(name).get_node_shared_ptr()->input_value(0);
}

/// Rows first, as the port has them.
ov::Output<ov::Node> shape_output(ov::Output<ov::Node> value, const model::Port& port) {
  if (port.batch_axis != 0) {
    const auto rank = static_cast<std::size_t>(value.get_partial_shape().rank().get_length());
    std::vector<std::int64_t> order = {static_cast<std::int64_t>(port.batch_axis)};
    for (std::size_t axis = 0; axis < rank; ++axis) {
      if (axis != port.batch_axis) order.push_back(static_cast<std::int64_t>(axis));
    }
    value = std::make_shared<ov::op::v1::Transpose>(value, whole_numbers(order));
  }
  std::vector<std::int64_t> shape = port.row_shape;
  shape.insert(shape.begin(), -1);
  return std::make_shared<ov::op::v1::Reshape>(value, whole_numbers(shape), false);
}

void check_output(const model::Model& model, const model::Port& port,
                  const ov::Output<ov::Node>& value, std::int64_t rows) {
  ov::PartialShape shape = value.get_partial_shape();
  if (rows > 1 && shape.rank().is_static() && shape.size() != 0) shape[0] = 1;
  const bool fits =
      shape.is_static() &&
      ov::shape_size(shape.to_shape()) == static_cast<std::size_t>(element_count(port.row_shape));
  if (fits && dtype_of(value.get_element_type()) == port.dtype) return;
  throw_input_error("{}: output '{}': expected rows of {}{}, OpenVINO makes {}{}", model.label(),
                    port.name, name_of(port.dtype), to_string(port.row_shape),
                    value.get_element_type().to_string(), value.get_partial_shape().to_string());
}

/// What OpenVINO throws becomes ours.
template <typename Work>
auto saying_why(const model::Model& model, const Work& work) {
  try {
    return work();
  } catch (const ov::Exception& error) {
    throw_input_error("{}: OpenVINO cannot import it: {}", model.label(), openvino_text(error));
  }
}

}  // namespace

ov::element::Type openvino_type(DType dtype) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const auto& pair) { return pair.first == dtype; });
  return found == kTypes.end() ? ov::element::Type_t::dynamic : found->second;
}

std::string openvino_text(const std::exception& error) {
  constexpr std::size_t kLongest = 400;
  static const std::regex kPlaces(
      "(Exception from |Check '[^']*' failed at )[^ \n]*:[0-9]+:\\s*|FrontEnd API failed with "
      "\\w+:\\s*|To facilitate the conversion[^\n]*");
  static const std::regex kBlanks("\\s+");
  std::string text = std::regex_replace(std::string(error.what()), kPlaces, "");
  text = std::regex_replace(text, kBlanks, " ");
  if (const std::size_t first = text.find_first_not_of(' '); first != std::string::npos) {
    text = text.substr(first, kLongest);
  }
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

std::shared_ptr<ov::Model> to_openvino(ov::Core& core, const model::Model& model,
                                       std::int64_t rows) {
  return saying_why(model, [&] {
    Opened opened = open(core, model);
    shape_inputs(opened, model, rows);
    ov::OutputVector outputs;
    for (const model::Port& port : model.outputs()) {
      const ov::Output<ov::Node> value = output_of(opened, port.name);
      outputs.push_back(rows == 1 ? value : shape_output(value, port));
    }
    auto made = std::make_shared<ov::Model>(outputs, opened.parameters, model.label());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      check_output(model, model.outputs()[i], made->output(i), rows);
    }
    return made;
  });
}

std::vector<model::RowType> openvino_row_types(ov::Core& core, const model::Model& model,
                                               const std::vector<std::string>& outputs) {
  return saying_why(model, [&] {
    Opened opened = open(core, model);
    shape_inputs(opened, model, 1);
    ov::OutputVector values;
    for (const std::string& name : outputs) values.push_back(output_of(opened, name));
    const ov::Model made(values, opened.parameters);
    std::vector<model::RowType> types;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const ov::PartialShape& shape = made.output(i).get_partial_shape();
      const DType dtype = dtype_of(made.output(i).get_element_type());
      if (shape.is_dynamic() || dtype == DType::kUndefined) {
        throw_input_error(
            "OpenVINO makes {}{} of output '{}': expected a fixed shape of a type "
            "that can be written",
            made.output(i).get_element_type().to_string(), shape.to_string(), outputs[i]);
      }
      const ov::Shape fixed = shape.to_shape();
      types.push_back({dtype, Shape(fixed.begin(), fixed.end())});
    }
    return types;
  });
}

}  // namespace widepipe::device
