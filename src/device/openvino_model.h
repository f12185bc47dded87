#pragma once
// From a model of ours to one that OpenVINO compiles.

#include <cstdint>
#include <exception>
#include <memory>
#include <openvino/core/model.hpp>
#include <openvino/core/type/element_type.hpp>
#include <openvino/runtime/core.hpp>
#include <string>
#include <vector>

#include "model/model.h"

namespace widepipe::device {

ov::element::Type openvino_type(DType dtype);

/// What an exception of OpenVINO says, on one line, without places in its sources.
std::string openvino_text(const std::exception& error);

/// The model of model.onnx() as it is bound: inputs and outputs are those of the ports, in their
/// order, rows first. Takes 1 to `rows` rows at a time. Throws InputError: an operator that
/// OpenVINO does not know, shapes or types that differ from the ports'.
std::shared_ptr<ov::Model> to_openvino(ov::Core& core, const model::Model& model,
                                       std::int64_t rows);

/// Of a model of which only the inputs are known: the types of these outputs for one row. Throws
/// InputError: an operator that OpenVINO does not know, an output that is not there or whose shape
/// depends on the data.
std::vector<model::RowType> openvino_row_types(ov::Core& core, const model::Model& model,
                                               const std::vector<std::string>& outputs);

}  // namespace widepipe::device
