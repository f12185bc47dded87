#include "model/onnx_file.h"

#include <google/protobuf/stubs/logging.h>

#include <limits>

#include "core/error.h"

namespace widepipe::model {

onnx::ModelProto parse_onnx(std::span<const std::byte> bytes, std::string_view label) {
  if (bytes.empty()) throw_input_error("{}: the file is empty, expected an ONNX model", label);
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw_input_error("{}: {} bytes, expected an ONNX model of less than 2 GiB", label,
                      bytes.size());
  }
  const google::protobuf::LogSilencer one_message_is_enough;
  onnx::ModelProto model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    throw_input_error("{}: not an ONNX model, or truncated ({} bytes)", label, bytes.size());
  }
  // Other files can happen to parse: protobuf skips fields that it does not know.
  if (!model.has_ir_version() || !model.has_graph()) {
    throw_input_error("{}: not an ONNX model, or truncated: it has no {}", label,
                      model.has_ir_version() ? "graph" : "IR version");
  }
  return model;
}

}  // namespace widepipe::model
